import type { GuestProfile } from "vmmsched/plugin-api";
import { attach } from "./attach.js";
import type { LinuxOptions } from "./choose-hold.js";

export default { attach } satisfies GuestProfile<LinuxOptions>;

import type { GuestProfile } from "vmmsched/plugin-api";
import { attach, type LinuxOptions } from "./attach.js";

export default { attach } satisfies GuestProfile<LinuxOptions>;

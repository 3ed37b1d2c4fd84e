import type { GuestProfile } from "vmmsched/plugin-api";
import { attach } from "./attach.js";

export default { attach } satisfies GuestProfile;

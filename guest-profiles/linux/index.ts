import type { GuestProfile } from "../../core/plugin-api.js";
import { attach } from "./attach.js";

export default { attach } satisfies GuestProfile;

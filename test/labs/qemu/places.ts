import { labCache } from "../places.js";

/** Everything the lab downloads, builds and records; safe to delete. */
export const cache = labCache("qemu");

import { join } from "node:path";
import { labCache, labSources } from "../places.js";

export const xenSources = join(labSources, "xen");

/** Everything the lab downloads, builds and records; safe to delete. */
export const cache = labCache("xen");

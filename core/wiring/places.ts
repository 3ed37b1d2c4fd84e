import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Folder of the built program: its core/wiring/ has this file. */
export const built = fileURLToPath(new URL("../..", import.meta.url));

/** Plugins that come along. */
export const bundledPlugins = [join(built, "plugins"), join(built, "guest-profiles")];
/** Those of this machine's operator; directories in the configuration come after them. */
export const operatorsPlugins = ["/etc/vmmsched/plugins"];

import { dirname, join } from "node:path";
import { VmmschedError, type ErrorCode } from "../../errors.js";

/** The kernel's sun_path has 108 bytes with the zero at its end; what is longer is cut off without a word. */
const longestPathBytes = 107;

/** The control socket of a scheduler with this runtime directory. */
export function controlSocketIn(directory: string): string {
  return join(directory, "control.sock");
}

/** Throws `code` for a path that no UNIX socket can have. */
export function checkSocketPath(path: string, code: ErrorCode): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= longestPathBytes) return;
  const message = `the path of the control socket is ${bytes} bytes long, ${longestPathBytes} is the most: choose a shorter runtimeDirectory than ${dirname(path)}`;
  throw new VmmschedError(code, message, { path });
}

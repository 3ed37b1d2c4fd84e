import { dirname, join, resolve } from "node:path";
import type { LoadedConfig } from "../../config/load.js";
import { VmmschedError, type ErrorCode } from "../../errors.js";

/** The kernel's sun_path has 108 bytes with the zero at its end; what is longer is cut off without a word. */
const longestPathBytes = 107;

/** Directory of a scheduler's control socket, absolute. */
export function runtimeDirectoryOf({ values, source }: LoadedConfig): string {
  return resolve(dirname(source.file), values.runtimeDirectory);
}

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

import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { messageOf, VmmschedError } from "../../core/errors.js";

const xzMagic = Buffer.from("\xfd7zXZ\0", "latin1");
/** Several times what any kernel's symbols take, packed or not. */
const mostBytes = 512 << 20;
const mostPackedBytes = 64 << 20;
/** An xz file can ask for any amount of memory, and take any time. */
const xzMemory = "--memlimit-decompress=256MiB";
const xzDeadlineMs = 60_000;

/**
 * A file of symbols (PDB, ISF), unpacked if it is packed with xz. Node.js has no decoder for xz, and every Debian has the
 * program. Throws ERR_SYMBOLS_UNREADABLE.
 */
export function readSymbolFile(path: string): Buffer {
  const file = read(path);
  if (!file.subarray(0, xzMagic.length).equals(xzMagic)) return file;
  if (file.length > mostPackedBytes) throw unreadable(path, `it has ${file.length} bytes, packed`);
  const options = ["--decompress", "--stdout", "--format=xz", xzMemory];
  const { status, stdout, stderr, error } = spawnSync("xz", options, {
    input: file,
    maxBuffer: mostBytes,
    timeout: xzDeadlineMs,
    killSignal: "SIGKILL",
  });
  if (status === 0) return stdout;
  const missing = error !== undefined && "code" in error && error.code === "ENOENT";
  if (missing) throw unreadable(path, "it is packed, and there is no xz (apt-get install xz-utils)");
  throw unreadable(path, `xz cannot unpack it: ${error?.message ?? stderr.toString("utf8").trim()}`);
}

function read(path: string): Buffer {
  let bytes: number;
  try {
    const status = statSync(path);
    bytes = status.size;
    if (status.isFile() && bytes <= mostBytes) return readFileSync(path);
  } catch (error) {
    throw unreadable(path, messageOf(error));
  }
  throw unreadable(path, `it has ${bytes} bytes, or is no regular file; at most ${mostBytes} are read`);
}

function unreadable(path: string, why: string): VmmschedError {
  return new VmmschedError("ERR_SYMBOLS_UNREADABLE", `${path} cannot be read: ${why}`, { path });
}

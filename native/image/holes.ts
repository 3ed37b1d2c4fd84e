/** Consecutive bytes of a file, from `position` on. */
export interface Run {
  readonly position: number;
  readonly bytes: number;
}

/** lseek(2): where the next bytes are that are no hole, and the next hole. */
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
/** A shorter hole takes longer to find than to read. */
const shortestHole = 256 * 1024;
/** A file in more pieces is read as one from there on. */
const mostRuns = 1 << 16;

/** What of `run` is not a hole, in order: a hole reads as zeros, and takes as long to read as anything else. */
export async function dataRuns(descriptor: number, run: Run): Promise<readonly Run[]> {
  const seek = await bind();
  const runs: { position: number; bytes: number }[] = [];
  const end = run.position + run.bytes;
  for (let at = run.position, steps = 0; at < end; steps++) {
    const start = seek(descriptor, at, SEEK_DATA);
    // Below zero: there is no more data (ENXIO), or this file system does not tell.
    if (start < 0 && steps > 0) break;
    const from = Math.max(at, Math.min(start, end));
    const hole = steps < mostRuns && start >= 0 ? seek(descriptor, from, SEEK_HOLE) : end;
    at = Math.min(hole > from ? hole : end, end);
    const last = runs.at(-1);
    if (last !== undefined && from - (last.position + last.bytes) < shortestHole)
      last.bytes = at - last.position;
    else if (from < at) runs.push({ position: from, bytes: at - from });
  }
  return runs;
}

/** Loaded where there are holes to look for only: it takes a while. */
async function bind(): Promise<(fd: number, offset: number, whence: number) => number> {
  const koffi = await import("koffi");
  return koffi.load("libc.so.6").func("int64_t lseek(int, int64_t, int)") as (
    fd: number,
    offset: number,
    whence: number,
  ) => number;
}

/** Lists the threads in an image once, in a process that has done nothing before: `node image-list.js IMAGE`. */
import { writeSync } from "node:fs";
import { openImageScan } from "./image-scan.js";

/** What it prints, in ms since the process began to run. */
export interface ColdTimes {
  readonly loadedMs: number;
  readonly attachedMs: number;
  readonly listedMs: number;
  readonly threads: number;
}

const loadedMs = performance.now();
const { scan, threads } = await openImageScan(process.argv[2] ?? "");
const attachedMs = performance.now();
scan();
const times: ColdTimes = { loadedMs, attachedMs, listedMs: performance.now(), threads: threads() };
writeSync(1, JSON.stringify(times));
process.exit();

import { execFile } from "node:child_process";
import { closeSync, openSync, readSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { allocatedBytes, quantiles } from "./figures.js";
import type { ColdTimes } from "./image-list.js";
import { openImageScan } from "./image-scan.js";

const run = promisify(execFile);
const rounds = 5;
const scans = 2000;
const readBytes = 1 << 20;
const listProgram = fileURLToPath(new URL("image-list.js", import.meta.url));
const program = fileURLToPath(new URL("../../core/main.js", import.meta.url));

/** Listing what runs in images of raw RAM, with nothing given; beside it, in turn, what bounds it. */
export async function benchImages(folder: string): Promise<readonly string[]> {
  const images = readdirSync(folder).filter((name) => name.endsWith(".raw"));
  if (images.length === 0) throw new Error(`${folder} has no image, a file NAME.raw`);
  const lines: string[] = [];
  for (const name of images) lines.push(...(await benchImage(join(folder, name), name)));
  return lines;
}

async function benchImage(path: string, name: string): Promise<readonly string[]> {
  const times: Record<"start" | "read" | "list" | "attach" | "scan" | "ps", number[]> = {
    start: [],
    read: [],
    list: [],
    attach: [],
    scan: [],
    ps: [],
  };
  for (let round = 0; round < rounds; round++) {
    times.read.push(timed(() => readWhole(path)));
    times.start.push(await wallMs("-e", "0"));
    const from = performance.now();
    const { stdout } = await run(process.execPath, [listProgram, path]);
    times.list.push(performance.now() - from);
    const cold = JSON.parse(stdout) as ColdTimes;
    times.attach.push(cold.attachedMs - cold.loadedMs);
    times.scan.push(cold.listedMs - cold.attachedMs);
    times.ps.push(await wallMs(program, "ps", "--image", path));
  }
  const half = (values: readonly number[]) => quantiles(values).p50;
  const start = half(times.start);
  const read = half(times.read);
  const cold = half(times.list) - start;
  const all = half(times.ps) - start;
  const { description, scan, threads } = await openImageScan(path);
  for (let i = 0; i < scans; i++) scan();
  const warm = quantiles(Array.from({ length: scans }, () => timed(scan)));
  const bytes = allocatedBytes(scan, scans);
  const { size, blocks } = statSync(path);
  const gibs = (ms: number) => `${((size / 2 ** 30 / ms) * 1000).toFixed(1)} GiB/s`;
  const paging = description.evidence.find((line) => line.endsWith("-level")) ?? "";
  return [
    `${name}: ${(size / 2 ** 30).toFixed(2)} GiB, ${((blocks * 512) / 2 ** 20).toFixed(0)} MiB of it on the disk; Linux ${description.version}, ${paging}, ${threads()} threads; medians of ${rounds}`,
    `  an empty Node                      ${start.toFixed(0)} ms`,
    `  a plain read of the file           ${read.toFixed(0)} ms   ${gibs(read)}`,
    `  cold list, beyond an empty Node    ${cold.toFixed(0)} ms   ${(cold / read).toFixed(2)} x a plain read`,
    `    attach                           ${half(times.attach).toFixed(0)} ms`,
    `    first scan                       ${half(times.scan).toFixed(1)} ms`,
    `  all of ps, beyond an empty Node    ${all.toFixed(0)} ms   ${(all / read).toFixed(2)} x a plain read`,
    `  warm scan with run queues          ${warm.p50.toFixed(3)} / ${warm.p95.toFixed(3)} ms (p50 / p95 of ${scans})   ${((1e6 * warm.p50) / threads()).toFixed(0)} ns a thread`,
    `  allocated by a warm scan           ${bytes.toFixed(1)} bytes`,
  ];
}

function timed(work: () => void): number {
  const from = performance.now();
  work();
  return performance.now() - from;
}

async function wallMs(...command: readonly string[]): Promise<number> {
  const from = performance.now();
  await run(process.execPath, command, { maxBuffer: 64 << 20 });
  return performance.now() - from;
}

function readWhole(path: string): void {
  const file = openSync(path, "r");
  const into = Buffer.alloc(readBytes);
  for (let at = 0; readSync(file, into, 0, into.length, at) > 0; at += into.length);
  closeSync(file);
}

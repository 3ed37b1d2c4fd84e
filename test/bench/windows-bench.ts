import { VmmschedError } from "../../core/errors.js";
import type { Domain } from "../../core/hypervisor.js";
import { pageBytes, type Frame } from "../../core/memory/address.js";
import type { PhysicalMemory } from "../../core/memory/physical-memory.js";
import { piecesOf } from "../../core/ram-piece.js";
import { SnapshotBuilder } from "../../core/snapshot/snapshot-builder.js";
import { TaskColumns } from "../../core/snapshot/task-columns.js";
import { identify } from "../../guest-profiles/windows/identify/identify.js";
import { Processes } from "../../guest-profiles/windows/processes/processes.js";
import windows from "../../guest-profiles/windows/index.js";
import { constructWindows } from "../guest-profiles/windows/constructed.js";
import { makeProcesses, type ProcessPlan } from "../guest-profiles/windows/constructed-processes.js";
import { shippedLayout } from "../guest-profiles/windows/shipped.js";
import type { SparseRam } from "../guest-profiles/windows/sparse-ram.js";
import { allocatedBytes, quantiles } from "./figures.js";

const ramBytes = 4 * 2 ** 30;
const frames = ramBytes / pageBytes;
const processCount = 350;
const threadsEach = 5;
const rounds = 5;
const scans = 500;
/** So much differs from frame to frame; after that it repeats: more than any cache holds. */
const contentBytes = 256 << 20;
const zeroPages = 0.35;

/** RAM in which next to a Windows there is what RAM is full of: zeros, small numbers, noise. */
class FullRam implements PhysicalMemory {
  readonly #content = Buffer.allocUnsafe(contentBytes);

  constructor(private readonly guest: SparseRam) {
    const words = new Int32Array(this.#content.buffer, this.#content.byteOffset, contentBytes / 4);
    let seed = 1;
    const random = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0);
    for (let page = 0; page < contentBytes; page += pageBytes) {
      const isZero = random() < zeroPages * 2 ** 32;
      for (let at = page / 4; at < (page + pageBytes) / 4; at++) {
        const kind = isZero ? 0 : random();
        words[at] = kind < 2 ** 31 ? 0 : kind < 3 * 2 ** 30 ? random() >>> 28 : random();
      }
    }
  }

  i32(frame: Frame, offset: number): number {
    return this.#page(frame).readInt32LE(offset);
  }

  read(frame: Frame, offset: number, into: Uint8Array): void {
    this.#page(frame).copy(into, 0, offset, offset + into.length);
  }

  readFrames(all: readonly Frame[], into: Uint8Array): number {
    for (const [i, frame] of all.entries()) into.set(this.#page(frame), i * pageBytes);
    return all.length;
  }

  #page(frame: Frame): Buffer {
    if (frame < 0 || frame >= frames) throw new VmmschedError("ERR_FRAME_UNREADABLE", `no frame ${frame}`);
    const at = (frame * pageBytes) % contentBytes;
    return this.guest.find(frame) ?? this.#content.subarray(at, at + pageBytes);
  }
}

/** The first search of 4 GiB of RAM for processes, beside a plain read of it; and what a scan takes from then on. */
export async function benchWindows(): Promise<readonly string[]> {
  const made = constructWindows({ layout: shippedLayout("10.0.19041.804"), debuggerData: "encoded" });
  const plans = Array.from({ length: processCount }, (_, i): ProcessPlan => {
    const threads = Array.from({ length: threadsEach }, () => 5);
    return {
      pid: 400 + 4 * i * (threadsEach + 1),
      name: `program-${i}.exe`,
      threads,
      unlisted: i % 50 === 49,
    };
  });
  makeProcesses(made, plans);
  const memory = new FullRam(made.ram);
  const ram = () => piecesOf(memory, frames, (index) => index as Frame);
  const domain: Domain = { ...made.domain, memory, ram };
  const layouts = new Map([["layouts/mine.json", made.exact]]);
  const found = await identify(domain, layouts);
  if (found === undefined) throw new Error("no Windows was recognised");
  const reads: number[] = [];
  const searches: number[] = [];
  for (let round = 0; round < rounds; round++) {
    reads.push(
      await timed(async () => {
        for await (const piece of ram()) if (piece.bytes.length === 0) throw new Error("an empty piece");
      }),
    );
    const processes = new Processes(domain, found);
    searches.push(await timed(() => processes.searchAll()));
    if (processes.count !== processCount) throw new Error(`${processes.count} processes were found`);
  }
  using kernel = await windows.attach(domain, {}, layouts);
  const builder = new SnapshotBuilder(TaskColumns.allocate(16_384));
  const scan = () => {
    builder.begin();
    builder.beginDomain(0);
    kernel?.scan(builder);
  };
  for (let i = 0; i < scans; i++) scan();
  const times: number[] = [];
  for (let i = 0; i < scans; i++)
    times.push(
      await timed(() => {
        scan();
        return Promise.resolve();
      }),
    );
  const warm = quantiles(times);
  const [read, search] = [quantiles(reads).p50, quantiles(searches).p50];
  const perSecond = (ms: number) => `${((ramBytes / 2 ** 30 / ms) * 1000).toFixed(1)} GiB/s`;
  return [
    `Windows ${found.version}, ${ramBytes / 2 ** 30} GiB of RAM, ${processCount} processes, ${builder.rows} threads; medians of ${rounds}`,
    `  a plain read of all RAM     ${read.toFixed(0)} ms   ${perSecond(read)}`,
    `  first search of all RAM     ${search.toFixed(0)} ms   ${perSecond(search)}   ${(search / read).toFixed(2)} x a plain read`,
    `  a scan from then on         ${warm.p50.toFixed(3)} / ${warm.p95.toFixed(3)} ms (p50 / p95 of ${scans})   ${((1e6 * warm.p50) / builder.rows).toFixed(0)} ns a thread`,
    `  allocated by a scan         ${allocatedBytes(scan, scans).toFixed(0)} bytes`,
  ];
}

async function timed(work: () => Promise<void>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

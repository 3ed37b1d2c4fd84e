/** What the headers of a crash dump of Windows say; what is not given is as in a sound one for x64. */
export interface CrashDumpHeader {
  readonly root?: number;
  readonly machine?: number;
  readonly processors?: number;
  readonly debuggerData?: bigint;
  readonly dumpType?: number;
  readonly rip?: bigint;
}

/** DUMP_HEADER64 (8 KiB). */
export function crashDumpHeader(header: CrashDumpHeader = {}): Buffer {
  const { root = 2, machine = 0x8664, processors = 1, debuggerData = 0n, dumpType = 1, rip = 0n } = header;
  // Windows fills what it does not use like this.
  const bytes = Buffer.alloc(0x2000, "PAGE", "latin1");
  bytes.write("PAGEDU64", "latin1");
  bytes.writeBigUInt64LE(BigInt(root) * 0x1000n, 0x10);
  bytes.writeUInt32LE(machine, 0x30);
  bytes.writeUInt32LE(processors, 0x34);
  bytes.writeBigUInt64LE(debuggerData, 0x80);
  bytes.writeBigUInt64LE(rip, 0x348 + 0xf8);
  bytes.writeUInt32LE(dumpType, 0xf98);
  return bytes;
}

/** A run of pages and the frame of its first. */
export interface Run {
  readonly first: number;
  readonly pages: Buffer;
}

/** A full dump: DumpType 1. */
export function fullCrashDump(runs: readonly Run[], header: CrashDumpHeader = {}): Buffer {
  const bytes = crashDumpHeader(header);
  bytes.writeUInt32LE(runs.length, 0x88);
  bytes.writeBigUInt64LE(BigInt(pagesIn(runs)), 0x90);
  for (const [i, { first, pages }] of runs.entries()) {
    bytes.writeBigUInt64LE(BigInt(first), 0x98 + 16 * i);
    bytes.writeBigUInt64LE(BigInt(pages.length / 0x1000), 0xa0 + 16 * i);
  }
  return Buffer.concat([bytes, ...runs.map(({ pages }) => pages)]);
}

/** A bitmap dump: DumpType 5 or 6; runs in ascending order. */
export function bitmapCrashDump(
  runs: readonly Run[],
  header: CrashDumpHeader = {},
  magic = "SDMPDUMP",
): Buffer {
  const bits = Math.max(...runs.map(({ first, pages }) => first + pages.length / 0x1000)) + 5;
  const firstPage = 0x3000 + Math.ceil(bits / 8 / 0x1000) * 0x1000;
  const bytes = Buffer.alloc(firstPage);
  crashDumpHeader({ dumpType: 5, ...header }).copy(bytes);
  bytes.write(magic, 0x2000, "latin1");
  bytes.writeBigUInt64LE(BigInt(firstPage), 0x2020);
  bytes.writeBigUInt64LE(BigInt(pagesIn(runs)), 0x2028);
  bytes.writeBigUInt64LE(BigInt(bits), 0x2030);
  for (const { first, pages } of runs) {
    for (let frame = first; frame < first + pages.length / 0x1000; frame++) {
      const at = 0x2038 + (frame >>> 3);
      bytes[at] = (bytes[at] ?? 0) | (1 << (frame & 7));
    }
  }
  return Buffer.concat([bytes, ...runs.map(({ pages }) => pages)]);
}

/** A triage dump of these blocks, without process, thread and stack. */
export function triageCrashDump(
  blocks: readonly { readonly va: bigint; readonly bytes: Uint8Array }[],
  header: CrashDumpHeader = {},
): Buffer {
  const triage = Buffer.alloc(0x80);
  const table = Buffer.alloc(16 * blocks.length);
  let position = 0x2080 + table.length;
  for (const [i, { va, bytes }] of blocks.entries()) {
    table.writeBigUInt64LE(va, 16 * i);
    table.writeUInt32LE(position, 16 * i + 8);
    table.writeUInt32LE(bytes.length, 16 * i + 12);
    position += bytes.length;
  }
  triage.writeUInt32LE(0x2080, 0x78);
  triage.writeUInt32LE(blocks.length, 0x7c);
  triage.writeUInt32LE(position, 0x08);
  const contents = blocks.map(({ bytes }) => bytes);
  return Buffer.concat([
    crashDumpHeader({ dumpType: 4, ...header }),
    triage,
    table,
    ...contents,
    Buffer.from("TRGD"),
  ]);
}

function pagesIn(runs: readonly Run[]): number {
  return runs.reduce((sum, { pages }) => sum + pages.length / 0x1000, 0);
}

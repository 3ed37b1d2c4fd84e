import { vaOffset, type GuestVa } from "vmmsched/plugin-api";
import { buildIds } from "./build-id.js";
import type { LogRecordBytes } from "./facts.js";
import type { KernelImage } from "./kernel-image.js";
import type { KnownKernel } from "./known-kernels.js";
import { resolveLayout } from "./layout.js";

/**
 * What is the same in every guest that runs one build, wherever KASLR puts it: for kernels whose own tables are not in
 * memory. `profile build` writes it; layout.schema.json is its JSON Schema.
 */
export interface LayoutFile {
  readonly schema: 1;
  readonly release: string;
  readonly buildId: string;
  /** Bytes from `_stext` to the build id. */
  readonly buildIdOffset: number;
  /** Bytes from `_stext`. */
  readonly symbols: Readonly<Record<string, number>>;
  /** Bytes from the beginning of a CPU's area. */
  readonly perCpu: Readonly<Record<string, number>>;
  /** Bit offsets, by structure and path. */
  readonly members: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly systemRunning: number;
  readonly logRecord?: LogRecordBytes;
  readonly apicIdBytes?: number;
}

const inNoFile = "layout files do not have them";

/** The kernel in `image` by the layout of its build id, if there is one. */
export function kernelByLayout(
  image: KernelImage,
  layouts: ReadonlyMap<string, unknown>,
): KnownKernel | undefined {
  for (const { buildId, at } of buildIds(image.bytes)) {
    for (const [path, content] of layouts) {
      const layout = content as LayoutFile;
      const address = layout.buildId === buildId ? image.addressOf(at) : undefined;
      if (address !== undefined) return kernelAt(vaOffset(address, -layout.buildIdOffset), layout, path);
    }
  }
  return undefined;
}

function kernelAt(text: GuestVa, layout: LayoutFile, path: string): KnownKernel {
  const { buildId, systemRunning, apicIdBytes, members, logRecord } = layout;
  const member = (struct: string, name: string) => {
    const bitOffset = members[struct]?.[name];
    return bitOffset === undefined ? undefined : { bitOffset, typeId: 0 };
  };
  const symbols = [
    ...Object.entries(layout.symbols).map(([name, offset]) => [name, vaOffset(text, offset)] as const),
    ...Object.entries(layout.perCpu).map(([name, offset]) => [name, offset as GuestVa] as const),
  ];
  return {
    buildId,
    symbols: new Map(symbols),
    symbolSource: path,
    memberSource: path,
    spacing: new Map(),
    ...resolveLayout({ member }),
    runQueue: inNoFile,
    psi: inNoFile,
    logRecord,
    systemRunning,
    release: (member("uts_namespace", "name.release")?.bitOffset ?? 0) / 8,
    wallClock: (member("timekeeper", "xtime_sec")?.bitOffset ?? Number.NaN) / 8,
    apicIdBytes,
  };
}

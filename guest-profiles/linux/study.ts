import { AddressSpace, isVmmschedError, othersFirst, VmmschedError } from "vmmsched/plugin-api";
import { Btf } from "./btf.js";
import { requireSymbol, wantedSymbols, type LogRecordBytes } from "./facts.js";
import { findSymbols } from "./kallsyms.js";
import type { KernelImage } from "./kernel-image.js";
import type { KnownKernel } from "./known-kernels.js";
import { kernelByLayout } from "./layout-file.js";
import { resolveLayout } from "./layout.js";
import { resolveRunQueueLayout } from "./run-queue/layout.js";
import { resolvePsiLayout } from "./run-queue/psi-layout.js";
import { readVmcoreinfo } from "./vmcoreinfo.js";

const apicIds = "x86_cpu_to_apicid";

/** Learns a build from its image, or where its own tables are not in memory, from the layout file of its build id. */
export async function study(image: KernelImage, layouts: ReadonlyMap<string, unknown>): Promise<KnownKernel> {
  try {
    return await studyTables(image);
  } catch (error) {
    if (!isVmmschedError(error, "ERR_GUEST_UNSUPPORTED")) throw error;
    const known = kernelByLayout(image, layouts);
    if (known === undefined) throw error;
    return known;
  }
}

/** By kallsyms and BTF; where VMCOREINFO names no build, the build id stays empty. */
async function studyTables(image: KernelImage): Promise<KnownKernel> {
  const found = await findSymbols(image.bytes, wantedSymbols);
  const { symbols } = found;
  const start = requireSymbol(symbols, "__start_BTF");
  const blob = image.slice(start, requireSymbol(symbols, "__stop_BTF") - start);
  if (blob === undefined)
    throw new VmmschedError("ERR_GUEST_UNSUPPORTED", "the kernel's BTF is not in memory");
  const btf = new Btf(blob);
  await othersFirst();
  const space = new AddressSpace(image.memory, image.paging, image.root);
  return {
    buildId: readVmcoreinfo(space, symbols)?.get("BUILD-ID") ?? "",
    symbols,
    symbolSource: "kallsyms",
    memberSource: "BTF",
    spacing: found.spacing,
    ...resolveLayout(btf),
    runQueue: resolveRunQueueLayout(btf),
    psi: resolvePsiLayout(btf),
    logRecord: logRecordBytes(btf),
    systemRunning: btf.enumerator("system_states", "SYSTEM_RUNNING") ?? 0,
    release: (btf.member("uts_namespace", "name.release")?.bitOffset ?? 0) / 8,
    wallClock: (btf.member("timekeeper", "xtime_sec")?.bitOffset ?? Number.NaN) / 8,
    apicIdBytes: apicIdBytes(btf, found.spacing.get(apicIds) ?? 0),
  };
}

/**
 * Size of x86_cpu_to_apicid, a u16 that became a u32: by the kernel's types, or where they describe no variables, by the
 * `room` in bytes that it has.
 */
export function apicIdBytes(btf: Btf, room: number): number | undefined {
  return btf.variableSize(".data..percpu", apicIds) ?? (room >= 2 && room < 4 ? 2 : undefined);
}

/** Sizes of what the kernel's log is made of, where it has such a log. */
export function logRecordBytes(btf: Btf): LogRecordBytes | undefined {
  const [desc, info] = [btf.size("prb_desc"), btf.size("printk_info")];
  return desc === undefined || info === undefined ? undefined : { desc, info };
}

import { AddressSpace, othersFirst, VmmschedError } from "vmmsched/plugin-api";
import { Btf } from "./btf.js";
import { requireSymbol, wantedSymbols } from "./facts.js";
import { findSymbols, type FoundSymbols } from "./kallsyms.js";
import type { KernelImage } from "./kernel-image.js";
import type { KnownKernel } from "./known-kernels.js";
import { resolveLayout } from "./layout.js";
import { readVmcoreinfo } from "./vmcoreinfo.js";

const apicIds = "x86_cpu_to_apicid";

/** Learns a build from its image; where VMCOREINFO names no build, the build id stays empty. */
export async function study(image: KernelImage): Promise<KnownKernel> {
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
    ...resolveLayout(btf),
    systemRunning: btf.enumerator("system_states", "SYSTEM_RUNNING") ?? 0,
    release: (btf.member("uts_namespace", "name.release")?.bitOffset ?? 0) / 8,
    wallClock: (btf.member("timekeeper", "xtime_sec")?.bitOffset ?? Number.NaN) / 8,
    apicIdBytes: apicIdBytes(btf, found),
  };
}

/**
 * Size of x86_cpu_to_apicid, a u16 that became a u32: by the kernel's types, or where they describe no variables, by the
 * room that it has.
 */
function apicIdBytes(btf: Btf, { spacing }: FoundSymbols): number | undefined {
  const room = spacing.get(apicIds) ?? 0;
  return btf.variableSize(".data..percpu", apicIds) ?? (room >= 2 && room < 4 ? 2 : undefined);
}

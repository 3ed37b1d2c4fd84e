import { VmmschedError } from "vmmsched/plugin-api";
import { Btf } from "./btf.js";
import { buildIds } from "./build-id.js";
import { wantedSymbols } from "./facts.js";
import { findSymbols } from "./kallsyms.js";
import type { LayoutFile } from "./layout-file.js";
import { resolveLayout, type MemberSource } from "./layout.js";
import { apicIdBytes, logRecordBytes } from "./study.js";

/** Parts of a kernel's ELF file. Addresses are signed; per-CPU variables count from 0. */
export interface KernelFile {
  /** Undefined where the file was stripped: then kallsyms in the read-only data has them. */
  readonly symbols: ReadonlyMap<string, number> | undefined;
  readonly readOnlyData: Buffer;
  readonly btf: Buffer;
  readonly notes: Buffer;
  readonly notesAddress: number;
}

/** The layout of a kernel from its ELF file. Throws ERR_GUEST_UNSUPPORTED or ERR_LAYOUT_MEMBER_MISSING for what it lacks. */
export async function buildLayout(file: KernelFile): Promise<LayoutFile> {
  const { notes, notesAddress, readOnlyData } = file;
  const [id] = buildIds(notes);
  if (id === undefined) throw unsupported("the kernel's notes have no build id");
  const found = file.symbols ?? (await findSymbols(readOnlyData, wantedSymbols)).symbols;
  const text = found.get("_stext");
  if (text === undefined) throw unsupported("the kernel has no symbol _stext");
  const wanted = wantedSymbols.flatMap((name) => {
    const address = found.get(name);
    return address === undefined ? [] : [[name, address] as const];
  });
  const btf = new Btf(file.btf);
  const bytes = apicIdBytes(btf, 0);
  const logRecord = logRecordBytes(btf);
  return {
    schema: 1,
    release: /Linux version (\S+)/.exec(readOnlyData.toString("latin1"))?.[1] ?? "",
    buildId: id.buildId,
    buildIdOffset: notesAddress + id.at - text,
    symbols: Object.fromEntries(wanted.filter(([, at]) => at < 0).map(([name, at]) => [name, at - text])),
    perCpu: Object.fromEntries(wanted.filter(([, at]) => at >= 0)),
    members: membersUsed(btf),
    systemRunning: btf.enumerator("system_states", "SYSTEM_RUNNING") ?? 0,
    ...(logRecord === undefined ? {} : { logRecord }),
    ...(bytes === undefined ? {} : { apicIdBytes: bytes }),
  };
}

/** Every member that the profile asks for and this kernel has. */
function membersUsed(btf: Btf): LayoutFile["members"] {
  const used: Record<string, Record<string, number>> = {};
  const source: MemberSource = {
    member(struct, path) {
      const found = btf.member(struct, path);
      if (found !== undefined) (used[struct] ??= {})[path] = found.bitOffset;
      return found;
    },
  };
  resolveLayout(source);
  source.member("uts_namespace", "name.release");
  source.member("timekeeper", "xtime_sec");
  return used;
}

function unsupported(message: string): VmmschedError {
  return new VmmschedError("ERR_GUEST_UNSUPPORTED", message);
}

import { formatVa, type Finding, type GuestFindings } from "vmmsched/plugin-api";
import type { Checked } from "./checks.js";
import { wantedSymbols, type LinuxFacts, type SymbolName } from "./facts.js";
import type { KnownKernel } from "./known-kernels.js";
import type { ProbedMember } from "./layout.js";

/** Symbols that something in memory bears out: nobody attaches to a kernel where it does not. */
const confirmed: Partial<Record<SymbolName, string>> = {
  init_top_pgt: "this page table maps the kernel",
  init_task: "init_task is called swapper",
  __start_BTF: "BTF begins there",
  __per_cpu_offset: "every online CPU has an area in the kernel's half",
  system_state: "it says that the kernel runs",
};

/** What looking at the guest itself came to. */
interface Looked {
  readonly checked: ReadonlyMap<string, Checked>;
  /** VMCOREINFO bears out where the kernel is. */
  readonly witnessed: boolean;
  readonly health: Finding;
}

/** What was found in a guest, and what each finding rests on. */
export function findings(
  { space, symbols, layout }: LinuxFacts,
  { members, apicIdBytes, symbolSource, memberSource }: KnownKernel,
  { checked, witnessed, health }: Looked,
): GuestFindings {
  const bearsOut = witnessed ? { ...confirmed, _stext: "VMCOREINFO has the same address" } : confirmed;
  const remarks: Readonly<Record<string, string>> = {
    x86_cpu_to_apicid: apicIdBytes === undefined ? ", of unknown size" : `, ${apicIdBytes} bytes`,
    "sighand.siglock":
      layout.siglockOwner === undefined
        ? ", a spinning lock"
        : `, a sleeping lock, owner at ${layout.siglockOwner}`,
  };
  return {
    paging: `${space.paging.name}, page table in frame 0x${space.root.toString(16)}`,
    symbols: wantedSymbols.map((name) =>
      symbolFinding(name, symbols.get(name), bearsOut[name], symbolSource, remarks[name]),
    ),
    members: [
      ...members.map((member) =>
        memberFinding(member, checked.get(member.key), memberSource, remarks[member.key]),
      ),
      health,
    ],
  };
}

function symbolFinding(
  name: string,
  address: number | undefined,
  proof: string | undefined,
  source: string,
  remark = "",
): Finding {
  if (address === undefined) return { name, found: "none", certainty: "absent", because: `not in ${source}` };
  const found = `${address < 0 ? formatVa(address) : `per-CPU 0x${address.toString(16)}`}${remark}`;
  return proof === undefined
    ? { name, found, certainty: "read", because: source }
    : { name, found, certainty: "confirmed", because: proof };
}

function memberFinding(
  { name, path, bitOffset, purpose }: ProbedMember,
  check: Checked | undefined,
  source: string,
  remark = "",
): Finding {
  if (path === undefined || bitOffset === undefined)
    return {
      name,
      found: "none",
      certainty: "absent",
      because: `not in ${source}; needed for ${purpose}`,
    };
  const bits = bitOffset % 8 === 0 ? "" : `, bit ${bitOffset % 8}`;
  const found = `${Math.floor(bitOffset / 8)}${bits} (${path})${remark}`;
  if (check === undefined) return { name, found, certainty: "read", because: source };
  return check.holds
    ? { name, found, certainty: "confirmed", because: check.claim }
    : { name, found, certainty: "contradicted", because: `it is not so that ${check.claim}` };
}

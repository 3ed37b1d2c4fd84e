import type { VcpuContext } from "../../core/hypervisor.js";
import { vaFromBigInt, type Frame } from "../../core/memory/address.js";
import { fiveLevelPaging, fourLevelPaging } from "../../core/memory/paging.js";
import { callError } from "./call-error.js";

/** CR0.PG; EFER.LMA, that is 64-bit mode; CR4.LA57, five levels of page tables (Intel SDM vol. 3A, 2.5). */
const cr0Pg = 1n << 31n;
const eferLma = 1n << 10n;
const cr4La57 = 1n << 12n;

/** Frame in CR3: bits 51..12, so neither PCID nor flags count. */
const rootMask = 0xffffffffffn;

/**
 * The vCPUs in `info registers -a` (x86_cpu_dump_state, target/i386/cpu-dump.c) that run with 64-bit page tables, in order of their
 * numbers. In user mode GS is the program's. Throws ERR_HYPERVISOR_CALL when the text is not understood.
 */
export function parseRegisters(text: string, machine: string): readonly VcpuContext[] {
  const parts = text.split(/^CPU#(?=\d+\r?$)/m).slice(1);
  if (parts.length === 0) throw callError("info registers -a", machine, "it shows no CPU");
  const contexts = parts.flatMap((part) => contextOf(part, machine));
  return contexts.sort((one, other) => one.id - other.id);
}

function contextOf(part: string, machine: string): readonly VcpuContext[] {
  const id = parseInt(part, 10);
  const hex = (pattern: RegExp): bigint => {
    const found = pattern.exec(part)?.[1];
    if (found === undefined)
      throw callError("info registers -a", machine, `CPU ${id} has no ${pattern.source}`);
    return BigInt(`0x${found}`);
  };
  if ((hex(/^CR0=([0-9a-f]{8})\b/m) & cr0Pg) === 0n || (hex(/^EFER=([0-9a-f]{16})\b/m) & eferLma) === 0n)
    return [];
  const paging = (hex(/\bCR4=([0-9a-f]{8})\b/) & cr4La57) === 0n ? fourLevelPaging : fiveLevelPaging;
  return [
    {
      id,
      root: Number((hex(/\bCR3=([0-9a-f]{16})\b/) >> 12n) & rootMask) as Frame,
      paging,
      userMode: hex(/\bCPL=([0-3])\b/) === 3n,
      rip: vaFromBigInt(hex(/^[RE]IP=([0-9a-f]{8,16})\b/m)),
      gsBase: vaFromBigInt(hex(/^GS =[0-9a-f]{4} ([0-9a-f]{8,16})\b/m)),
    },
  ];
}

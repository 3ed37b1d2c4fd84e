import { formatVa, vaOffset, type Finding, type GuestFindings } from "vmmsched/plugin-api";
import type { IdentifiedKernel } from "./identify/identify.js";
import { wantedStructures, wantedSymbols, type StructureName } from "./wanted.js";

/** What was found in a guest: the layout that it is read by, and what stands in memory for or against it. */
export function findings(found: IdentifiedKernel): GuestFindings {
  const { space, layout, base, standing } = found;
  const source = standing === "exact" ? "the layout of this very build" : "a layout of the same version";
  const symbols = wantedSymbols.map((name): Finding => {
    const address = layout.symbols[name];
    if (address === undefined)
      return { name, found: "none", certainty: "absent", because: `not in ${source}` };
    return { name, found: formatVa(vaOffset(base, address)), certainty: "read", because: source };
  });
  return {
    paging: `${space.paging.name}, page table in frame 0x${space.root.toString(16)}`,
    symbols,
    members: [...members(found, source), ...checks(found)],
  };
}

function members({ layout }: IdentifiedKernel, source: string): readonly Finding[] {
  return (Object.keys(wantedStructures) as StructureName[]).flatMap((structure) => {
    const { needed, maybe } = wantedStructures[structure];
    const offsets: Readonly<Record<string, unknown>> = layout[structure];
    return [...needed, ...maybe].map((member): Finding => {
      const name = `${structure}.${member}`;
      const offset = offsets[member];
      return typeof offset === "number"
        ? { name, found: `0x${offset.toString(16)}`, certainty: "read", because: source }
        : { name, found: "none", certainty: "absent", because: `not in ${source}` };
    });
  });
}

const certainties = { holds: "confirmed", fails: "contradicted", unreadable: "absent" } as const;

/** The self-check's claims, each of which rests on several members. */
function checks({ checks: all }: IdentifiedKernel): readonly Finding[] {
  return all.map(({ claim, verdict }) => ({
    name: "self-check",
    found: verdict,
    certainty: certainties[verdict],
    because: claim,
  }));
}

import { VmmschedError } from "vmmsched/plugin-api";
import type { LayoutFile } from "./layout-file.js";
import { wantedStructures, type StructureName, type SymbolName } from "./wanted.js";

/** A bit field as the 32-bit word at `word` and the bits of it that count, `shift` from its lowest bit on. */
export interface BitField {
  readonly word: number;
  readonly mask: number;
  readonly shift: number;
}

type Wanted = typeof wantedStructures;

/** Byte offsets in one structure by member; undefined where this build has no such member, or nobody says where it is. */
export type Structure<Name extends StructureName> = { readonly size: number } & Readonly<
  Record<Wanted[Name]["needed"][number], number>
> &
  Readonly<Record<Wanted[Name]["maybe"][number], number | undefined>> & {
    readonly bits: Readonly<Record<Wanted[Name]["bits"][number], BitField | undefined>>;
  };

/** Everything that the profile knows of one build, typed: `layout.KTHREAD.Priority`, `layout.KTHREAD["ApcState.Process"]`. */
export type WindowsLayout = { readonly [Name in StructureName]: Structure<Name> } & {
  /** Bytes from the kernel's base. */
  readonly symbols: Partial<Readonly<Record<SymbolName, number>>>;
};

/** Structures that only some kinds of Windows have. */
const optional: ReadonlySet<string> = new Set<StructureName>(["KSHARED_READY_QUEUE"]);

/** Throws ERR_LAYOUT_MEMBER_MISSING naming all that this build lacks of what every build has. */
export function resolveLayout(file: LayoutFile): WindowsLayout {
  const missing: string[] = [];
  const layout: Record<string, unknown> = { symbols: file.symbols };
  for (const [name, { needed, maybe, bits }] of Object.entries(wantedStructures)) {
    const found = file.structures[`_${name}`];
    if (found === undefined && !optional.has(name)) missing.push(`_${name}`);
    const places = found?.members ?? {};
    if (found !== undefined)
      missing.push(...needed.filter((path) => places[path] === undefined).map((path) => `_${name}.${path}`));
    const fields = bits.map((field) => [field, bitField(found?.bits?.[field])] as const);
    layout[name] = {
      ...Object.fromEntries([...needed, ...maybe].map((path) => [path, places[path]])),
      size: found?.size ?? 0,
      bits: Object.fromEntries(fields),
    };
  }
  if (missing.length === 0) return layout as unknown as WindowsLayout;
  throw new VmmschedError(
    "ERR_LAYOUT_MEMBER_MISSING",
    `the layout of ${file.build ?? file.pdb?.guid ?? "an unnamed build"} has no ${missing.join(", ")}`,
  );
}

/** By the aligned 32-bit word that holds it; undefined for one that crosses words, which none of those wanted does. */
function bitField(
  place: { readonly at: number; readonly bit: number; readonly length: number } | undefined,
): BitField | undefined {
  if (place === undefined) return undefined;
  const first = place.at * 8 + place.bit;
  const shift = first % 32;
  if (place.length < 1 || shift + place.length > 32) return undefined;
  const mask = ((2 ** place.length - 1) * 2 ** shift) >>> 0;
  return { word: ((first - shift) / 32) * 4, mask, shift };
}

import {
  fiveLevelPaging,
  fourLevelPaging,
  isVmmschedError,
  pageBytes,
  walk,
  type Domain,
  type Frame,
} from "vmmsched/plugin-api";
import type { KernelRoot } from "./kernel-image.js";
import { numberIn, parseVmcoreinfo, symbolIn, type Vmcoreinfo } from "./vmcoreinfo.js";

/** The first line of VMCOREINFO, and where in its page the text begins: alone, and as an ELF note behind its header. */
const firstLine = Buffer.from("OSRELEASE=", "latin1");
const beginnings = [0, 24] as const;
const firstWord = firstLine.readInt32LE(0);
/** A guest may fill its RAM with notes; no more than so many are looked at. */
const mostNotes = 256;
/** __START_KERNEL_map, as a signed address. */
const startKernelMap = -(2 ** 31);

/**
 * Kernels that lie in a domain's RAM, for domains without registers: each VMCOREINFO in it says where the kernel's own
 * page table is (`swapper_pg_dir`, with `phys_base`), and is believed where that table maps `_stext` to the frame that
 * the note gives. A kernel of an earlier boot may pass: it is for the caller to choose.
 */
export async function kernelsInRam(domain: Domain): Promise<readonly KernelRoot[]> {
  const roots = new Map<Frame, KernelRoot>();
  for (const note of await notesInRam(domain)) {
    const root = rootOf(domain, note);
    if (root !== undefined) roots.set(root.root, root);
  }
  return [...roots.values()];
}

async function notesInRam(domain: Domain): Promise<readonly Vmcoreinfo[]> {
  const notes: Vmcoreinfo[] = [];
  for await (const { bytes } of domain.ram?.() ?? []) {
    collect(bytes, notes);
    if (notes.length >= mostNotes) break;
  }
  return notes;
}

/** Looks at the beginnings of pages only: the kernel gives VMCOREINFO a page of its own. */
function collect(bytes: Buffer, notes: Vmcoreinfo[]): void {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  for (let page = 0; page < bytes.length; page += pageBytes) {
    for (const beginning of beginnings) {
      const at = page + beginning;
      if (words[at / 4] !== firstWord || !bytes.subarray(at, at + firstLine.length).equals(firstLine))
        continue;
      const end = bytes.indexOf(0, at);
      const limit = page + pageBytes;
      notes.push(parseVmcoreinfo(bytes.toString("latin1", at, end < 0 || end > limit ? limit : end)));
    }
  }
}

/** The page table that a note leads to, where it maps the kernel that the note tells of. */
function rootOf({ memory }: Domain, note: Vmcoreinfo): KernelRoot | undefined {
  const table = symbolIn(note, "swapper_pg_dir");
  const text = symbolIn(note, "_stext");
  const physBase = numberIn(note, "phys_base");
  if (table === undefined || text === undefined || physBase === undefined) return undefined;
  const frameOf = (va: number) => Math.floor((va - startKernelMap + physBase) / pageBytes) as Frame;
  const root = frameOf(table);
  const paging = numberIn(note, "pgtable_l5_enabled") === 1 ? fiveLevelPaging : fourLevelPaging;
  try {
    return walk(memory, paging, root, text) === frameOf(text) ? { root, paging } : undefined;
  } catch (error) {
    if (isVmmschedError(error)) return undefined;
    throw error;
  }
}

import { pageBytes, type Frame } from "../../core/memory/address.js";
import { fiveLevelPaging, fourLevelPaging } from "../../core/memory/paging.js";
import type { VcpuContext } from "../../core/hypervisor.js";
import { controlBits } from "./control-registers.js";
import { offset64, readNotes, type ElfFile, type Section } from "./elf.js";
import { invalidImage, type ImageFile } from "./image-file.js";
import { ImageMemory, type Segment } from "./image-memory.js";
import type { Image } from "./image.js";

/** xen/docs/misc/dump-core-format.txt, version (0, 1); numbers in the header note. */
const noteSection = ".note.Xen";
const XEN_ELFNOTE_DUMPCORE_HEADER = 0x2000001;
const XC_CORE_MAGIC = 0xf00febed;
const XC_CORE_MAGIC_HVM = 0xf00febee;
/** Frames read from the file at once. */
const framesAtOnce = 1 << 16;

/** vcpu_guest_context_t, x86-64 (public/arch-x86/xen.h): byte offsets. */
const context = {
  bytes: 5168,
  flags: 512,
  rip: 520 + 128,
  cs: 520 + 136,
  control: 4984,
  gsBaseKernel: 5152,
} as const;
const VGCF_in_kernel = 1 << 2;

export function isXenCore(elf: ElfFile): boolean {
  return elf.sections.some(({ name }) => name === noteSection);
}

/**
 * A core file as `xl dump-core` writes it: pages in any order with a table of their frames. Of a PV guest these are machine
 * frames, which its page tables hold; of others, guest frames.
 */
export function readXenCore(file: ImageFile, elf: ElfFile): Image {
  const section = (name: string): Section | undefined => elf.sections.find((one) => one.name === name);
  const required = (name: string): Section => {
    const found = section(name);
    if (found === undefined) throw invalidImage(file.path, `a core file of Xen without a section ${name}`);
    if (found.position + found.bytes > file.bytes) {
      const end = String(found.position + found.bytes);
      throw invalidImage(
        file.path,
        `section ${name} should end at byte ${end}, the file has ${String(file.bytes)}`,
      );
    }
    return found;
  };
  const notes = required(noteSection);
  const header = readNotes(file, notes.position, notes.bytes).find(
    ({ type }) => type === XEN_ELFNOTE_DUMPCORE_HEADER,
  );
  if (header === undefined || header.content.length < 32)
    throw invalidImage(file.path, "a core file of Xen without its header note");
  const magic = offset64(header.content, 0);
  const [vcpuCount, pageCount, bytesAPage] = [8, 16, 24].map((at) => offset64(header.content, at));
  if ((magic !== XC_CORE_MAGIC && magic !== XC_CORE_MAGIC_HVM) || bytesAPage !== pageBytes) {
    const found = `magic 0x${magic.toString(16)} and pages of ${String(bytesAPage)} bytes`;
    throw invalidImage(file.path, `a core file of Xen with ${found}`);
  }
  const pv = magic === XC_CORE_MAGIC;
  const pages = required(".xen_pages");
  const frames = pv
    ? { table: required(".xen_p2m"), entryBytes: 16, at: 8 }
    : { table: required(".xen_pfn"), entryBytes: 8, at: 0 };
  const count = Math.min(
    pageCount ?? 0,
    Math.floor(pages.bytes / pageBytes),
    frames.table.bytes / frames.entryBytes,
  );
  if (count !== pageCount)
    throw invalidImage(
      file.path,
      `${String(pageCount)} pages by its note, ${String(Math.floor(count))} by its sections`,
    );
  const registers = required(".xen_prstatus");
  const states = file.slice(
    registers.position,
    Math.min(registers.bytes, context.bytes * (vcpuCount ?? 0)),
    "registers",
  );
  return {
    format: pv ? "core of Xen, PV" : "core of Xen",
    kind: pv ? "pv" : "hvm",
    memory: new ImageMemory(file, segmentsOf(file, pages.position, count, frames)),
    vcpus: Array.from({ length: Math.floor(states.length / context.bytes) }, (_, id) =>
      vcpuOf(states.subarray(id * context.bytes, (id + 1) * context.bytes), id, pv),
    ).flat(),
  };
}

/** Where the frame number of each page stands: `at` bytes into its entry. */
interface FrameTable {
  readonly table: Section;
  readonly entryBytes: number;
  readonly at: number;
}

/** Runs of pages whose frames follow each other; a page without a frame (all ones) is passed over. */
function segmentsOf(file: ImageFile, pagesAt: number, count: number, frames: FrameTable): readonly Segment[] {
  const segments: { first: number; count: number; position: number }[] = [];
  for (let from = 0; from < count; from += framesAtOnce) {
    const length = Math.min(framesAtOnce, count - from) * frames.entryBytes;
    const bytes = file.slice(frames.table.position + from * frames.entryBytes, length, "the table of frames");
    for (let i = 0; i * frames.entryBytes < length; i++) {
      const frame = offset64(bytes, i * frames.entryBytes + frames.at);
      const position = pagesAt + (from + i) * pageBytes;
      const last = segments.at(-1);
      if (!Number.isSafeInteger(frame)) continue;
      if (
        last !== undefined &&
        last.first + last.count === frame &&
        last.position + last.count * pageBytes === position
      )
        last.count++;
      else segments.push({ first: frame, count: 1, position });
    }
  }
  return segments;
}

/** A vCPU that has page tables. PV has four levels; ctrlreg[3] is the kernel's own root, whichever mode the vCPU is in. */
function vcpuOf(state: Buffer, id: number, pv: boolean): readonly VcpuContext[] {
  const control = (register: number) => offset64(state, context.control + 8 * register);
  const root = Math.floor(control(3) / pageBytes) as Frame;
  if (root === 0 || (!pv && !controlBits.paged(control(0), control(4)))) return [];
  const user = pv
    ? (state.readUInt32LE(context.flags) & VGCF_in_kernel) === 0
    : (state.readUInt16LE(context.cs) & 3) === 3;
  return [
    {
      id,
      root,
      paging: !pv && controlBits.fiveLevel(control(4)) ? fiveLevelPaging : fourLevelPaging,
      userMode: user,
      rip: Number(state.readBigInt64LE(context.rip)),
      gsBase: Number(state.readBigInt64LE(context.gsBaseKernel)),
    },
  ];
}

import { pageBytes, type Frame } from "../../core/memory/address.js";
import { fiveLevelPaging, fourLevelPaging } from "../../core/memory/paging.js";
import type { VcpuContext } from "../../core/hypervisor.js";
import { controlBits } from "./control-registers.js";
import { offset64, readNotes, type ElfFile, type Note } from "./elf.js";
import { invalidImage, type ImageFile } from "./image-file.js";
import { ImageMemory } from "./image-memory.js";
import type { Image } from "./image.js";

/**
 * QEMU's note of a vCPU: QEMUCPUState (target/i386/arch_dump.c), version 1. Version and size, 18 general registers, ten
 * segments of selector, limit, flags, padding and base, five control registers.
 */
const stateVersion = 1;
const ripAt = 8 + 16 * 8;
const segmentsAt = ripAt + 16;
const segmentBytes = 24;
const segmentBaseAt = 16;
const codeSegment = 0;
const gsSegment = 4;
const controlAt = segmentsAt + 10 * segmentBytes;
const stateBytes = controlAt + 5 * 8;

/**
 * A core file as QEMU's dump-guest-memory writes it: a segment for each piece of RAM at its physical address, and the
 * registers of each vCPU in a note. The kernel's own /proc/vmcore has the same shape, without these notes.
 */
export function readQemuCore(file: ImageFile, elf: ElfFile): Image {
  const load = elf.programHeaders.filter(({ type, fileBytes }) => type === "load" && fileBytes > 0);
  const notes = elf.programHeaders.filter(({ type }) => type === "note");
  for (const { position, fileBytes, physicalAddress } of load) {
    if (position + fileBytes > file.bytes) {
      const at = `0x${physicalAddress.toString(16)}`;
      throw invalidImage(
        file.path,
        `memory at ${at} should end at byte ${String(position + fileBytes)}, the file has ${String(file.bytes)}`,
      );
    }
  }
  const segments = load.filter(({ physicalAddress }) => physicalAddress % pageBytes === 0);
  if (segments.length === 0) throw invalidImage(file.path, "an ELF core file without memory");
  const states = notes
    .flatMap(({ position, fileBytes }) => readNotes(file, position, fileBytes))
    .filter(({ name }) => name === "QEMU");
  return {
    format: states.length === 0 ? "ELF core" : "ELF core of QEMU",
    kind: "hvm",
    memory: new ImageMemory(
      file,
      segments.map(({ physicalAddress, fileBytes, position }) => ({
        first: physicalAddress / pageBytes,
        count: Math.floor(fileBytes / pageBytes),
        position,
      })),
    ),
    vcpus: states.flatMap((note, id) => vcpuOf(note, id)),
  };
}

function vcpuOf({ content }: Note, id: number): readonly VcpuContext[] {
  if (content.length < stateBytes || content.readUInt32LE(0) !== stateVersion) return [];
  const control = (register: number) => offset64(content, controlAt + 8 * register);
  if (!controlBits.paged(control(0), control(4))) return [];
  const segment = (index: number) => segmentsAt + segmentBytes * index;
  return [
    {
      id,
      root: Math.floor(control(3) / pageBytes) as Frame,
      paging: controlBits.fiveLevel(control(4)) ? fiveLevelPaging : fourLevelPaging,
      userMode: (content.readUInt32LE(segment(codeSegment)) & 3) === 3,
      rip: Number(content.readBigInt64LE(ripAt)),
      gsBase: Number(content.readBigInt64LE(segment(gsSegment) + segmentBaseAt)),
    },
  ];
}

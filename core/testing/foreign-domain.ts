import { VmmschedError } from "../errors.js";
import type { Domain, DomainInfo } from "../hypervisor.js";
import { pageBytes, type Frame } from "../memory/address.js";
import { fourLevelPaging } from "../memory/paging.js";
import type { PhysicalMemory } from "../memory/physical-memory.js";

const frameCount = 4096;

/** What lies in a word of memory, by its number; undefined where it cannot be read. */
export type Contents = (word: number) => number | undefined;

/** A running domain with 16 MiB of memory that no operating system has ever been in. It cannot be paused. */
export function foreignDomain(contents: Contents): Domain {
  const info: DomainInfo = {
    id: 1,
    uuid: "00000000-0000-4000-8000-000000000001",
    name: "foreign",
    kind: "pvh",
    vcpuCount: 1,
    memoryBytes: frameCount * pageBytes,
    cpuTimeNs: 0,
    paused: false,
    ended: false,
  };
  const root = 1 as Frame;
  return {
    info,
    memory: memoryOf(contents),
    vcpus: () => [{ id: 0, root, paging: fourLevelPaging, userMode: false, rip: 0, gsBase: 0 }],
    pause() {
      throw new VmmschedError("ERR_DOMAIN_GONE", "this domain cannot be paused");
    },
    share: () => undefined,
    setShare() {},
    [Symbol.dispose]() {},
  };
}

function memoryOf(contents: Contents): PhysicalMemory {
  const i32 = (frame: Frame, offset: number) => {
    const known = frame >= 0 && frame < frameCount;
    const word = known ? contents((frame * pageBytes + offset) / 4) : undefined;
    if (word === undefined)
      throw new VmmschedError("ERR_FRAME_UNREADABLE", `frame ${String(frame)} cannot be read`);
    return word | 0;
  };
  const read = (frame: Frame, offset: number, into: Uint8Array) => {
    for (let i = 0; i < into.length; i++) {
      const at = offset + i;
      into[i] = i32(frame, at - (at % 4)) >>> (8 * (at % 4));
    }
  };
  return {
    i32,
    read,
    readFrames(frames, into) {
      let count = 0;
      for (const [index, frame] of frames.entries()) {
        const page = into.subarray(index * pageBytes, (index + 1) * pageBytes);
        try {
          read(frame, 0, page);
          count++;
        } catch {
          page.fill(0);
        }
      }
      return count;
    },
  };
}

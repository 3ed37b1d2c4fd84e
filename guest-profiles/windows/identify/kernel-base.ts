import { pageBytes, type AddressSpace, type GuestVa } from "vmmsched/plugin-api";
import { attempt } from "./attempt.js";
import { readKernelPe, type KernelPe } from "./kernel-pe.js";
import { mappedPages } from "./mapped-pages.js";
import type { Pace } from "./pace.js";

/** A handler lies at most this far behind the beginning of its image. */
const furthestBytes = 64 << 20;
/** Where Windows has its kernel and drivers, wherever KASLR puts them: one entry of the top table, as signed addresses. */
const driversFrom = -(2 ** 43);
const driversTo = driversFrom + 2 ** 39;
/** A page table full of chance bits may seem to map more, or what is not there. */
const mostPages = 1 << 19;
const mostUnreadable = 4096;
const dosSignature = 0x5a4d;

/** Looks down from an address in the kernel's image, page by page, for where it begins. */
export async function kernelBelow(
  space: AddressSpace,
  within: number,
  pace: Pace,
): Promise<KernelPe | undefined> {
  const from = Math.floor(within / pageBytes) * pageBytes;
  for (let va = from; va < 0 && va > from - furthestBytes; va -= pageBytes) {
    await pace.step();
    const isPresent = attempt(() => space.present(va as GuestVa)) === true;
    const found = isPresent ? readKernelPe(space, va as GuestVa) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Looks through everything that a page table maps where Windows has its kernel. */
export async function kernelUnder(space: AddressSpace, pace: Pace): Promise<KernelPe | undefined> {
  let count = 0;
  let unreadable = 0;
  for await (const pages of mappedPages(space, driversFrom, driversTo, pace)) {
    for (const { va, frame } of pages) {
      if (count++ > mostPages || unreadable > mostUnreadable) return undefined;
      const first = attempt(() => space.memory.i32(frame, 0));
      if (first === undefined) unreadable++;
      if (first === undefined || (first & 0xffff) !== dosSignature) continue;
      await pace.step(4);
      const found = readKernelPe(space, va as GuestVa);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

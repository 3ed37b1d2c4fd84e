import { btfImage } from "./btf-image.js";
import { kallsymsImage, type KallsymsOrder, type KernelSymbol } from "./kallsyms-image.js";
import type { KernelMemory } from "./kernel-memory.js";
import { Random } from "./random.js";
import { kernelSymbols, sections } from "./symbols.js";

/** Bytes of the loaded image, `_text` to `_end`. */
export const imageBytes = sections.end;

/** CONFIG_PHYSICAL_START: where the image lies without KASLR, and the distance of `_text` from __START_KERNEL_map. */
export const physicalStart = 0x1000000;

/** All kernels of one build have their functions in the same order. */
const linkOrderSeed = 61;

/** The addresses of the running kernel's symbols. */
export class KernelImage {
  readonly #addresses = new Map<string, number>();
  readonly #functions = new Map<number, string>();
  readonly text: number;
  readonly textEnd: number;

  constructor(symbols: readonly KernelSymbol[]) {
    for (const { name, type, value } of symbols) {
      this.#addresses.set(name, value);
      if (type.toLowerCase() === "t") this.#functions.set(value, name);
    }
    this.text = this.address("_stext");
    this.textEnd = this.address("_etext");
  }

  has(name: string): boolean {
    return this.#addresses.has(name);
  }

  address(name: string): number {
    const address = this.#addresses.get(name);
    if (address === undefined) throw new RangeError(`the simulated kernel has no symbol ${name}`);
    return address;
  }

  /** Name of the function that starts at `va`. */
  functionAt(va: number): string | undefined {
    return this.#functions.get(va);
  }
}

/** Writes text, BTF and symbol tables into RAM, and says where everything is. `text` is the address of `_text`. */
export function loadKernelImage(
  memory: KernelMemory,
  text: number,
  random: Random,
  order: KallsymsOrder | "none",
): KernelImage {
  fillText(memory, text, random);
  const { symbols, rodataEnd } = kernelSymbols(text, new Random(linkOrderSeed));
  const btf = btfImage();
  const btfAt = align64(rodataEnd);
  memory.write(btfAt, 0, btf);
  symbols.push(
    { name: "__start_BTF", type: "R", value: btfAt },
    { name: "__stop_BTF", type: "R", value: btfAt + btf.length },
  );
  if (order === "none") return new KernelImage(symbols);
  const kallsymsAt = align64(btfAt + btf.length);
  const { bytes, tables } = kallsymsImage(symbols, text, order);
  if (kallsymsAt + bytes.length > text + sections.data)
    throw new RangeError("the simulated kernel's tables do not fit .rodata");
  memory.write(kallsymsAt, 0, bytes);
  // The tables have symbols for the linker and VMCOREINFO, but do not list themselves.
  const own = Array.from(tables, ([name, at]) => ({ name, type: "D", value: kallsymsAt + at }));
  return new KernelImage([...symbols, ...own]);
}

function align64(va: number): number {
  return Math.ceil(va / 64) * 64;
}

/** Bytes that mean nothing, as code means nothing to a scan for tables. */
function fillText(memory: KernelMemory, text: number, random: Random): void {
  const from = memory.pa(text, 0) >>> 2;
  for (let i = 0; i < sections.rodata / 4; i++) memory.ram.words[from + i] = random.next() * 2 ** 32;
}

import { pageBytes, type Frame } from "../../../core/memory/address.js";
import { presentPages, tableIndex } from "../../../core/memory/paging.js";
import type { Random } from "../../../core/testing/random.js";
import type { Blob } from "./blobs.js";
import type { GuardedDomain } from "./guarded-domain.js";

/** A word of RAM, and what it becomes. */
export interface Damage {
  readonly word: number;
  readonly value: number;
}

/** Where in a machine damage matters. */
export interface Targets {
  /** Words that profiles read one by one. */
  readonly read: readonly number[];
  /** Those of them that hold the low half of a kernel address, the other half right behind. */
  readonly pointers: readonly number[];
  readonly blobs: readonly Blob[];
  /** Where a page of RAM lies in the kernel's address space, by number of the page. */
  readonly addresses: ReadonlyMap<number, number>;
}

const wordsPerPage = pageBytes / 4;
const tableFlags = 0x67;
const largePage = 0x80;

/** Frames that are no RAM of the guest: beyond its end, the local APIC, the BIOS, as far as an entry goes. */
const framesBeyond = [0x40_0000, 0xfee00, 0xf0, 0xff_ffff_ffff, 0x7_ffff_ffff];

/** Kinds of damage, by what is damaged. */
export const damageKinds = ["bits", "words", "link", "count", "page table", "blob"] as const;
export type DamageKind = (typeof damageKinds)[number];

export function targetsOf(domain: GuardedDomain, read: readonly number[], blobs: readonly Blob[]): Targets {
  const { ramWords: ram } = domain;
  const pointers = read.filter((word) => word % 2 === 0 && isHighHalf(ram.get(word + 1)));
  return { read, pointers, blobs, addresses: addressesOf(domain) };
}

/** One act of damage: a few words of one kind. */
export function damageOf(
  domain: GuardedDomain,
  targets: Targets,
  kind: DamageKind,
  random: Random,
): readonly Damage[] {
  const { ramWords: ram } = domain;
  const { read } = targets;
  const one = () => read[random.below(read.length)] ?? 0;
  switch (kind) {
    case "bits":
      return several(random, 8, () => {
        const word = random.chance(0.9) ? one() : random.below(ram.words.length);
        return [{ word, value: ram.get(word) ^ (1 << random.below(32)) }];
      });
    case "words":
      return several(random, 4, () => {
        const noise = random.below(2 ** 32);
        return [{ word: one(), value: random.pick([0, 0xffffffff, noise, ram.get(one())]) }];
      });
    case "link":
      return several(random, 3, () => linkDamage(domain, targets, random));
    case "count":
      return several(random, 3, () => {
        const word = one();
        const now = ram.get(word);
        const sizes = [0, 1, now + 1, now - 1, now * 2, 0x7fffffff, 0x80000000, 0xffffffff, 0x10000] as const;
        return [{ word, value: random.pick(sizes) }];
      });
    case "page table":
      return several(random, 2, () => entryDamage(domain, targets, random));
    case "blob":
      return several(random, 6, () => blobDamage(domain, targets.blobs, random));
  }
}

/** A pointer to itself, alone or with the one behind it (an empty list), to what another one points to, to nowhere, to user space, across a page's end. */
function linkDamage({ ramWords: ram }: GuardedDomain, targets: Targets, random: Random): readonly Damage[] {
  const { pointers, addresses } = targets;
  const word = pointers[random.below(pointers.length)] ?? 0;
  const other = pointers[random.below(pointers.length)] ?? word;
  const [low, high] = [ram.get(word), ram.get(word + 1)];
  const page = addresses.get(Math.floor(word / wordsPerPage)) ?? 0;
  const own = page + (word % wordsPerPage) * 4;
  const [otherLow, otherHigh] = [ram.get(other), ram.get(other + 1)];
  const moved = low + random.pick([8, -8, 16, 64, 0x1000, 1, 4]);
  switch (random.below(10)) {
    case 0:
      return pointerTo(word, own);
    case 1:
      return pointerTo(word, own - 8);
    case 2:
      return pair(word, otherLow, otherHigh);
    case 3:
      return [...pair(word, otherLow, otherHigh), ...pair(other, low, high)];
    case 4:
      return pointerTo(word, 0x7fff_0000 + 8 * random.below(512));
    case 5:
      return pair(word, random.below(2 ** 32), random.pick([0xffff0000, 0xffffc900, 0x00008000, 0xff000000]));
    case 6:
      return pair(word, moved, high);
    case 7:
      return [...pointerTo(word, own), ...pointerTo(word + 2, own)];
    case 8:
      return pair(word, ((low & ~0xfff) | 0xff8) + random.below(8), high);
    default:
      return pair(word, 0, 0);
  }
}

/** An entry at a random level on the way to an address that matters. */
function entryDamage(domain: GuardedDomain, { addresses }: Targets, random: Random): readonly Damage[] {
  const { ramWords: ram } = domain;
  const vcpu = domain.vcpus()[random.below(domain.vcpus().length)];
  if (vcpu === undefined) return [];
  const pages = [...addresses.values()];
  const va = pages[random.below(pages.length)] ?? 0;
  const depth = random.below(vcpu.paging.levels.length);
  let table = vcpu.root;
  for (const [level, { shift }] of vcpu.paging.levels.entries()) {
    const word = domain.wordOf(table, tableIndex(va, shift) * 8);
    if (word < 0) return [];
    const [low, high] = [ram.get(word), ram.get(word + 1)];
    const next = ((high & 0xfffff) * 2 ** 20 + (low >>> 12)) as Frame;
    if (level < depth && (low & 1) !== 0 && (low & largePage) === 0) {
      table = next;
      continue;
    }
    const beyond = framesBeyond[random.below(framesBeyond.length)] ?? 0;
    const anywhere = domain.frameOf(random.below(ram.words.length));
    switch (random.below(6)) {
      case 0:
        return entryTo(word, table, tableFlags);
      case 1:
        return entryTo(word, vcpu.root, tableFlags);
      case 2:
        return entryTo(word, beyond, low & 0xfff);
      case 3:
        return entryTo(word, anywhere, (low & 0xfff) | 1);
      case 4:
        return [{ word, value: low ^ largePage }];
      default:
        return [{ word, value: low & ~1 }];
    }
  }
  return [];
}

function blobDamage({ ramWords: ram }: GuardedDomain, blobs: readonly Blob[], random: Random): Damage[] {
  const blob = blobs[random.below(blobs.length)];
  if (blob === undefined) return [];
  // Headers stand first.
  const within = random.chance(0.3) ? Math.min(24, blob.words) : blob.words;
  const word = blob.firstWord + random.below(within);
  const noise = random.below(2 ** 32);
  const bit = 1 << random.below(32);
  return [{ word, value: random.pick([0, 0xffffffff, noise, ram.get(word) ^ bit, 0x7fffffff, 0x20202020]) }];
}

function several(random: Random, most: number, make: () => readonly Damage[]): readonly Damage[] {
  return Array.from({ length: 1 + random.below(most) }, make).flat();
}

function pointerTo(word: number, va: number): Damage[] {
  return pair(word, va >>> 0, Math.floor(va / 2 ** 32) >>> 0);
}

function entryTo(word: number, frame: number, flags: number): Damage[] {
  return pair(word, ((frame % 2 ** 20) * 4096 + flags) >>> 0, Math.floor(frame / 2 ** 20) & 0xfffff);
}

function pair(word: number, low: number, high: number): Damage[] {
  return [
    { word, value: low >>> 0 },
    { word: word + 1, value: high >>> 0 },
  ];
}

function isHighHalf(word: number): boolean {
  return word >>> 16 === 0xffff || word >>> 16 === 0xfffe || word >>> 24 === 0xff;
}

/** Of the upper half; of a page that is mapped twice, the last. */
function addressesOf(domain: GuardedDomain): ReadonlyMap<number, number> {
  const addresses = new Map<number, number>();
  const vcpu = domain.vcpus()[0];
  if (vcpu === undefined) return addresses;
  const { root, paging } = vcpu;
  const half = -(2 ** (paging.name === "5-level" ? 56 : 47));
  for (const { va, frame } of presentPages(domain.memory, paging, root, half, 0)) {
    const word = domain.wordOf(frame, 0);
    if (word >= 0) addresses.set(Math.floor(word / wordsPerPage), va);
  }
  return addresses;
}

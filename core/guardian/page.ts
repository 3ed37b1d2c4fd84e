import { VmmschedError } from "../errors.js";

/** Domains that can be paused by one scheduler. */
export const slotCount = 256;

const headerBytes = 64;
const slotBytes = 512;
export const pageBytes = headerBytes + slotCount * slotBytes;

/** Of the header, in 32-bit words. The guardian's last beat is the double at byte 32. */
const header = { version: 0, goodbye: 1, scheduler: 2, guardian: 3 } as const;
const beatIndex = 4;
const version = 1;

/** Of a slot: its state (32 bits), whether others had paused the domain, since when (double at byte 8), length and text of its name from byte 24. */
const othersAt = 1;
const lengthAt = 4;
const nameOffset = 24;

/**
 * How far a pause is. `free`, `announced`, `held`, `writing` and `returning` are the scheduler's; from `announced` and `held` the guardian
 * may take it at any time, from `writing` and `returning` only when the scheduler is dead. The others are the guardian's: `unsure` while it
 * looks whether the domain was paused at all, `taking` once it is to be unpaused, then `paid`, or `none` where there was no pause.
 */
export const phases = [
  ...(["free", "announced", "held", "writing", "returning"] as const),
  ...(["unsure", "taking", "paid", "none"] as const),
] as const;
export type Phase = (typeof phases)[number];

/** Low bits of a state are its phase, the others count its changes: a state that was seen and is gone never comes again unnoticed. */
const phaseBits = 4;
const phaseMask = (1 << phaseBits) - 1;

const originTries = 64;

const originNs = findOrigin();

/**
 * When `performance.now()` began, in ns of CLOCK_MONOTONIC. The two can only be read one after the other: of many tries the one counts that was
 * interrupted least, since an error here would make every pause look late to the guardian.
 */
function findOrigin(): number {
  let [origin, shortest] = [0, Number.POSITIVE_INFINITY];
  for (let i = 0; i < originTries; i++) {
    const before = Number(process.hrtime.bigint());
    const now = performance.now() * 1e6;
    const length = Number(process.hrtime.bigint()) - before;
    if (length < shortest) [origin, shortest] = [before + length / 2 - now, length];
  }
  return origin;
}

/** Nanoseconds of CLOCK_MONOTONIC, the same in every process. */
export function monotonicNs(): number {
  return originNs + performance.now() * 1e6;
}

export function phaseOf(state: number): Phase {
  return phases[state & phaseMask] ?? "free";
}

/**
 * The page that scheduler and guardian share: for each domain one state, which both change by compare-and-swap only. Everything
 * else of a slot is written while it is free, and is read only by who has seen, and then swaps, a state that is not.
 */
export class GuardianPage {
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #bytes: Uint8Array;

  /** Takes over a buffer of {@link pageBytes}. One of zeros is empty; throws ERR_RUNTIME_DIRECTORY for one that is of another version. */
  constructor(buffer: ArrayBufferLike) {
    this.#words = new Int32Array(buffer);
    this.#doubles = new Float64Array(buffer);
    this.#bytes = new Uint8Array(buffer);
    const found = Atomics.compareExchange(this.#words, header.version, 0, version);
    if (found !== 0 && found !== version)
      throw new VmmschedError(
        "ERR_RUNTIME_DIRECTORY",
        `the guardian's page has version ${found}, not ${version}`,
      );
  }

  /** The scheduler ends of its own accord. */
  get goodbye(): boolean {
    return Atomics.load(this.#words, header.goodbye) === 1;
  }

  sayGoodbye(): void {
    Atomics.store(this.#words, header.goodbye, 1);
  }

  get scheduler(): number {
    return Atomics.load(this.#words, header.scheduler);
  }

  set scheduler(pid: number) {
    Atomics.store(this.#words, header.scheduler, pid);
  }

  /** The guardian that has last beaten. */
  get guardian(): number {
    return Atomics.load(this.#words, header.guardian);
  }

  /** When it did, by {@link monotonicNs}. */
  get beatNs(): number {
    return this.#doubles[beatIndex] ?? 0;
  }

  beat(pid: number, nowNs: number): void {
    this.#doubles[beatIndex] = nowNs;
    Atomics.store(this.#words, header.guardian, pid);
  }

  state(slot: number): number {
    return Atomics.load(this.#words, this.#word(slot));
  }

  phase(slot: number): Phase {
    return phaseOf(this.state(slot));
  }

  /** Changes the phase from `state`, which was read before. False where it has changed since. */
  swap(slot: number, state: number, to: Phase): boolean {
    const next = (((state >>> phaseBits) + 1) << phaseBits) | phases.indexOf(to);
    return Atomics.compareExchange(this.#words, this.#word(slot), state, next | 0) === state;
  }

  /** Changes the phase if it is `from`. */
  move(slot: number, from: Phase, to: Phase): boolean {
    const state = this.state(slot);
    return phaseOf(state) === from && this.swap(slot, state, to);
  }

  sinceNs(slot: number): number {
    return this.#doubles[(headerBytes + slot * slotBytes) / 8 + 1] ?? 0;
  }

  /** Somebody else had the domain paused when ours was announced. */
  others(slot: number): boolean {
    return this.#words[this.#word(slot) + othersAt] === 1;
  }

  /** What a {@link Payer} finds the domain by. */
  name(slot: number): string {
    const at = headerBytes + slot * slotBytes + nameOffset;
    const length = this.#words[this.#word(slot) + lengthAt] ?? 0;
    return Buffer.from(this.#bytes.subarray(at, at + length)).toString();
  }

  /** Of a free slot. Throws ERR_TRANSACTION_STATE when it is too long. */
  setName(slot: number, name: string): void {
    const bytes = Buffer.from(name);
    if (bytes.length > slotBytes - nameOffset)
      throw new VmmschedError("ERR_TRANSACTION_STATE", `the guardian takes no name of ${bytes.length} bytes`);
    this.#bytes.set(bytes, headerBytes + slot * slotBytes + nameOffset);
    this.#words[this.#word(slot) + lengthAt] = bytes.length;
  }

  /** Of a free slot. */
  setPause(slot: number, others: boolean, sinceNs: number): void {
    this.#words[this.#word(slot) + othersAt] = others ? 1 : 0;
    this.#doubles[(headerBytes + slot * slotBytes) / 8 + 1] = sinceNs;
  }

  #word(slot: number): number {
    return (headerBytes + slot * slotBytes) / 4;
  }
}

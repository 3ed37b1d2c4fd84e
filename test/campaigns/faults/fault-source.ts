import { VmmschedError, type ErrorCode } from "../../../core/errors.js";
import type { Random } from "../../../core/testing/random.js";

/** What may go wrong: a call fails before or after it has done its work, takes long, or says what is not so. */
export const faultKinds = ["fails", "fails afterwards", "late", "rubbish"] as const;
export type FaultKind = (typeof faultKinds)[number];

/** Decides which calls of a driver go wrong, and counts them. */
export class FaultSource {
  readonly counts = new Map<string, number>();
  /** Of calls, and of reads of memory, of which there are very many: how probably one goes wrong. 0 while all is well. */
  chanceOfCall = 0;
  chanceOfRead = 0;

  constructor(
    private readonly random: Random,
    /** Lets the host's time go on while a call takes long. */
    private readonly delay: (ns: number) => void,
  ) {}

  end(): void {
    this.chanceOfCall = this.chanceOfRead = 0;
  }

  /** Makes a call of this name, which fails with one of `codes` when it does. */
  call<T>(name: string, codes: readonly [ErrorCode, ...ErrorCode[]], make: () => T, rubbish?: () => T): T {
    if (!this.random.chance(this.chanceOfCall)) return make();
    const kind = this.random.pick(faultKinds);
    switch (kind) {
      case "rubbish":
        if (rubbish === undefined) return make();
        this.#count(name, kind);
        return rubbish();
      case "late": {
        this.#count(name, kind);
        this.delay(1 + this.random.below(200e6));
        return make();
      }
      case "fails afterwards":
        this.#count(name, kind);
        make();
        throw this.#failure(name, codes);
      default:
        this.#count(name, kind);
        throw this.#failure(name, codes);
    }
  }

  /** Fails before it does anything, or goes well: what the interface gives no other way to. */
  failing<T>(name: string, codes: readonly [ErrorCode, ...ErrorCode[]], make: () => T): T {
    if (!this.random.chance(this.chanceOfCall)) return make();
    this.#count(name, "fails");
    throw this.#failure(name, codes);
  }

  /** Does this read of memory go wrong, and how? */
  read(): "well" | "fails" | "rubbish" {
    if (this.chanceOfRead === 0 || !this.random.chance(this.chanceOfRead)) return "well";
    const kind = this.random.pick(["fails", "rubbish"] as const);
    this.#count("read", kind);
    return kind;
  }

  word(): number {
    return this.random.pick([0, -1, this.random.below(2 ** 32) | 0]);
  }

  #count(name: string, kind: FaultKind): void {
    const key = `${name} ${kind}`;
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
  }

  #failure(name: string, codes: readonly [ErrorCode, ...ErrorCode[]]): VmmschedError {
    return new VmmschedError(this.random.pick(codes), `${name} fails, as the campaign has it`);
  }
}

import { isVmmschedError, VmmschedError } from "../errors.js";
import type { GuestKernel } from "../guest-profile.js";
import type { Domain } from "../hypervisor.js";
import type { ConfiguredProfile } from "../plugins/configure.js";
import { attachContained } from "./contained-kernel.js";

/** A profile that takes longer than this to say whether it knows a kernel has forgotten us. */
const answerWithinNs = 60e9;

export interface FoundKernel {
  readonly kernel: GuestKernel;
  readonly profile: ConfiguredProfile;
}

/**
 * One look into a domain: asks one profile after the other, in order of the list as it stands when one has answered.
 * A profile that fails does not keep the others from looking.
 */
export class KernelSearch implements Disposable {
  /** Who is being asked. */
  asking: ConfiguredProfile | undefined;
  #askedNs = -1;
  #giveUp: (error: VmmschedError) => void = () => undefined;
  #disposed = false;

  constructor(
    private readonly domain: Domain,
    private readonly profiles: () => readonly ConfiguredProfile[],
  ) {}

  /** The first kernel that is recognised. Throws why there is none, if there is more to say than that. */
  async run(): Promise<FoundKernel | undefined> {
    const asked = new Set<string>();
    let failure: VmmschedError | undefined;
    for (let next = this.#next(asked); next !== undefined; next = this.#next(asked)) {
      asked.add(next.hash);
      this.asking = next;
      this.#askedNs = -1;
      try {
        const kernel = await this.#ask(next);
        if (kernel !== undefined) return { kernel, profile: next };
      } catch (error) {
        if (!isVmmschedError(error) || error.code === "ERR_DOMAIN_GONE") throw error;
        if (failure === undefined || error.code === "ERR_GUEST_NOT_READY") failure = error;
      }
    }
    if (failure !== undefined) throw failure;
    return undefined;
  }

  /** To be called now and then: passes over a profile that does not answer. */
  watch(nowNs: number): void {
    if (this.#askedNs < 0) this.#askedNs = nowNs;
    if (nowNs - this.#askedNs < answerWithinNs || this.asking === undefined) return;
    const silence = `guest profile ${this.asking.name} did not answer within ${String(answerWithinNs / 1e9)} s`;
    this.#giveUp(new VmmschedError("ERR_PROFILE_FAILED", silence, { profile: this.asking.name }));
  }

  /** Gives up: a kernel that is found later is let go. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#giveUp(new VmmschedError("ERR_PROFILE_FAILED", "nobody waits for it any more"));
  }

  #next(asked: ReadonlySet<string>): ConfiguredProfile | undefined {
    return this.#disposed ? undefined : this.profiles().find(({ hash }) => !asked.has(hash));
  }

  #ask(profile: ConfiguredProfile): Promise<GuestKernel | undefined> {
    return new Promise((resolve, reject) => {
      let waiting = true;
      this.#giveUp = (error) => {
        waiting = false;
        reject(error);
      };
      void attachContained(profile, this.domain).then((kernel) => {
        if (waiting) resolve(kernel);
        else kernel?.[Symbol.dispose]();
      }, reject);
    });
  }
}

import { isVmmschedError, messageOf } from "../errors.js";
import type { GuestKernel } from "../guest-profile.js";
import type { Domain, DomainInfo } from "../hypervisor.js";
import type { ConfiguredProfile } from "../plugins/configure.js";
import type { DomainEntry } from "../snapshot/domain-columns.js";

/** A kernel that starts up is looked at again soon, anything else ever more rarely. */
const retryNotReadyNs = 0.5e9;
const retryFirstNs = 1e9;
const retryLongestNs = 8e9;
/** Scans that fail for this long mean that the kernel we knew is no longer there. */
const lostAfterNs = 5e9;

/** What a domain is to us; `unmanaged` carries the reason. */
export type DomainStatus = "attaching" | "managed" | "unmanaged";

/** Told of every change of status, to log it. */
export type StatusListener = (domain: ManagedDomain) => void;

/** One domain of the host with the kernel that was found in it. Lives until the domain ends or its id is used again. */
export class ManagedDomain implements DomainEntry, Disposable {
  status: DomainStatus = "attaching";
  /** Why it is not managed (yet). */
  reason = "not looked at yet";
  /** Its rows are in the present snapshot. */
  managed = false;
  cpuTimeDeltaNs = 0;
  kernel: GuestKernel | undefined;
  #cpuTimeNs = -1;
  #failingSinceNs = -1;
  #nextAttachNs = 0;
  #retryNs = retryFirstNs;
  #disposed = false;

  constructor(
    readonly slot: number,
    readonly info: DomainInfo,
    readonly domain: Domain,
    private readonly profiles: readonly ConfiguredProfile[],
    private readonly changed: StatusListener,
  ) {}

  /** Takes over the hypervisor's accounting of the last interval. */
  accountCpuTime(): void {
    this.cpuTimeDeltaNs = this.#cpuTimeNs < 0 ? 0 : this.info.cpuTimeNs - this.#cpuTimeNs;
    this.#cpuTimeNs = this.info.cpuTimeNs;
  }

  /** Starts looking for a kernel, if there is none and it is time to. Never throws: what goes wrong becomes the reason. */
  attachWhenDue(nowNs: number): Promise<void> | undefined {
    if (this.kernel !== undefined || nowNs < this.#nextAttachNs || this.info.ended) return undefined;
    this.#nextAttachNs = Number.POSITIVE_INFINITY;
    return this.#attach(nowNs);
  }

  /** The configuration leaves it alone: it is never looked into. */
  exclude(): void {
    this.status = "unmanaged";
    this.reason = "excluded by the configuration";
    this.#nextAttachNs = Number.POSITIVE_INFINITY;
  }

  scanned(): void {
    this.managed = true;
    this.#failingSinceNs = -1;
  }

  /** The tick's scan failed. Transient at first; a kernel that stays unreadable is given up and looked for anew. */
  scanFailed(nowNs: number, error: unknown): void {
    this.managed = false;
    if (this.#failingSinceNs < 0) this.#failingSinceNs = nowNs;
    if (nowNs - this.#failingSinceNs < lostAfterNs) return;
    this.kernel?.[Symbol.dispose]();
    this.kernel = undefined;
    this.#failingSinceNs = -1;
    this.#setUnmanaged(`its task lists cannot be read: ${messageOf(error)}`, nowNs, retryFirstNs);
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.managed = false;
    this.kernel?.[Symbol.dispose]();
    this.kernel = undefined;
    this.domain[Symbol.dispose]();
  }

  async #attach(nowNs: number): Promise<void> {
    try {
      for (const { profile, options } of this.profiles) {
        const kernel = await profile.attach(this.domain, options);
        if (this.#disposed) {
          kernel?.[Symbol.dispose]();
          return;
        }
        if (kernel !== undefined) {
          this.#setManaged(kernel);
          return;
        }
      }
      this.#setUnmanaged("no guest profile recognises its operating system", nowNs, this.#retryNs);
      this.#retryNs = Math.min(2 * this.#retryNs, retryLongestNs);
    } catch (error) {
      if (this.#disposed) return;
      // The hypervisor lists it: it is being made, or the next list will not have it any more.
      const halfThere = isVmmschedError(error, "ERR_DOMAIN_GONE");
      const soon = halfThere || isVmmschedError(error, "ERR_GUEST_NOT_READY");
      const reason = halfThere ? "it is being created or destroyed" : messageOf(error);
      this.#setUnmanaged(reason, nowNs, soon ? retryNotReadyNs : this.#retryNs);
      if (!soon) this.#retryNs = Math.min(2 * this.#retryNs, retryLongestNs);
    }
  }

  #setManaged(kernel: GuestKernel): void {
    this.kernel = kernel;
    this.status = "managed";
    this.reason = "";
    this.#retryNs = retryFirstNs;
    this.changed(this);
  }

  #setUnmanaged(reason: string, nowNs: number, retryNs: number): void {
    const known = this.status === "unmanaged" && this.reason === reason;
    this.status = "unmanaged";
    this.reason = reason;
    this.#nextAttachNs = nowNs + retryNs;
    if (!known) this.changed(this);
  }
}

import { isVmmschedError, messageOf } from "../errors.js";
import type { GuestKernel } from "../guest-profile.js";
import type { Domain, DomainInfo, DomainShare } from "../hypervisor.js";
import type { ConfiguredProfile } from "../plugins/configure.js";
import type { DomainEntry } from "../snapshot/domain-columns.js";
import { KernelSearch, type FoundKernel } from "./kernel-search.js";
import { PriorityLedger } from "./priority-ledger.js";
import { Readability, type LostKernel } from "./readability.js";
import { Replacement } from "./replacement.js";
import { ShareLedger } from "./share-ledger.js";

/** A kernel that starts up is looked at again soon, anything else ever more rarely. */
const retryNotReadyNs = 0.5e9;
const retryFirstNs = 1e9;
const retryLongestNs = 8e9;

/** What a domain is to us; `unmanaged` carries the reason. */
export type DomainStatus = "attaching" | "managed" | "unmanaged";

/** Told of what happens to a domain, to log it. */
export interface DomainListener {
  statusChanged(domain: ManagedDomain): void;
  /** A new version of its profile does not get in force; the one before goes on. */
  profileNotTaken(domain: ManagedDomain, profile: ConfiguredProfile, reason: string): void;
}

/**
 * One domain of the host with the kernel that was found in it. Lives until the domain ends or its id is used again.
 * What is begun in the background (a search, a replacement) takes effect between two ticks only.
 */
export class ManagedDomain implements DomainEntry, Disposable {
  status: DomainStatus = "attaching";
  /** Why it is not managed (yet). */
  reason = "not looked at yet";
  /** Its rows are in the present snapshot. */
  managed = false;
  cpuTimeDeltaNs = 0;
  /** For how long we have paused it in the last interval. */
  pausedNs = 0;
  /** What it wants may stand against other domains: the guard decides. */
  hasSay = true;
  /** Its profile was removed: nothing is wished in it any more, and when all is undone it is let go ({@link leave}). */
  leaving = false;
  /**
   * What its guest complained of after edits of ours: like one whose profile was removed, but until this boot of it ends, or the
   * operator trusts it again.
   */
  #complaint: { readonly text: string; readonly boot: string } | undefined;
  /** Outlives its kernel: what could not be given back is given back by the one that is found next. */
  readonly priorities = new PriorityLedger();
  readonly shares: ShareLedger;
  readonly #readability = new Readability();
  #found: FoundKernel | undefined;
  #search: KernelSearch | undefined;
  #replacement: Replacement | undefined;
  /** Hash of a version of its profile that was not taken, so that it is not tried again. */
  #notTaken = "";
  /** Name of the profile that managed it until it was removed. */
  #removedProfile: string | undefined;
  #excluded = false;
  #cpuTimeNs = -1;
  /** Since this interval began. */
  #pausedSoFarNs = 0;
  #nextAttachNs = 0;
  #retryNs = retryFirstNs;

  constructor(
    readonly slot: number,
    readonly info: DomainInfo,
    readonly domain: Domain,
    private profiles: readonly ConfiguredProfile[],
    private readonly listener: DomainListener,
  ) {
    this.shares = new ShareLedger(domain);
  }

  get kernel(): GuestKernel | undefined {
    return this.#found?.kernel;
  }

  /** The profile, in the version, that manages it. */
  get profile(): ConfiguredProfile | undefined {
    return this.#found?.profile;
  }

  get profileName(): string | undefined {
    return this.#found?.profile.name;
  }

  /** Somebody is looking into it in the background. */
  get busy(): boolean {
    return this.#search !== undefined || this.#replacement !== undefined;
  }

  /** In the VM scheduler, as it was read before this tick's snapshot. */
  get share(): DomainShare | undefined {
    return this.shares.present;
  }

  /** What the guest complained of, for which everything in it is undone and it is left alone; undefined: nothing. */
  get complaint(): string | undefined {
    return this.#complaint?.text;
  }

  /** Nothing is wished in it any more: its profile was removed, or it has complained. */
  get isToLeave(): boolean {
    return this.leaving || this.#complaint !== undefined;
  }

  /** Takes over the hypervisor's accounting of the last interval, and ours of its pauses. */
  accountCpuTime(): void {
    this.pausedNs = this.#pausedSoFarNs;
    this.#pausedSoFarNs = 0;
    this.cpuTimeDeltaNs = this.#cpuTimeNs < 0 ? 0 : this.info.cpuTimeNs - this.#cpuTimeNs;
    this.#cpuTimeNs = this.info.cpuTimeNs;
  }

  /** We have paused it for so long. */
  wasPaused(lengthNs: number): void {
    this.#pausedSoFarNs += lengthNs;
  }

  /** Starts looking for a kernel, if there is none and it is time to. Never throws: what goes wrong becomes the reason. */
  attachWhenDue(nowNs: number): Promise<void> | undefined {
    this.#search?.watch(nowNs);
    this.#replacement?.search.watch(nowNs);
    if (this.#found !== undefined || this.#search !== undefined) return undefined;
    if (this.#excluded || nowNs < this.#nextAttachNs || this.info.ended) return undefined;
    this.#search = new KernelSearch(this.domain, () => this.profiles);
    return this.#attach(this.#search, nowNs);
  }

  /** The configuration leaves it alone: it is never looked into. */
  exclude(): void {
    this.#excluded = true;
    this.shares.leaveAlone("excluded by the configuration");
    this.status = "unmanaged";
    this.reason = "excluded by the configuration";
  }

  /** Between two ticks: these profiles are the ones there are. */
  setProfiles(profiles: readonly ConfiguredProfile[]): void {
    this.profiles = profiles;
    const asking = this.#search?.asking;
    if (asking !== undefined && !profiles.some(({ hash }) => hash === asking.hash)) this.#stopSearch();
    if (this.#found === undefined) {
      this.#retryNs = retryFirstNs;
      this.#nextAttachNs = 0;
      return;
    }
    const { name, hash } = this.#found.profile;
    const wanted = profiles.find((profile) => profile.name === name);
    this.leaving = wanted === undefined;
    if (wanted?.hash === this.#replacement?.profile.hash) return;
    this.#stopReplacing();
    if (wanted !== undefined && wanted.hash !== hash && wanted.hash !== this.#notTaken)
      this.#replacement = new Replacement(wanted, this.domain);
  }

  /** Between two ticks: puts the new version of its profile in force, if it is ready. `capacity`: the most tasks there are. */
  replaceWhenReady(capacity: number): void {
    if (this.#found === undefined || this.#replacement === undefined) return;
    const { profile } = this.#replacement;
    const kernel = this.#replacement.take(this.#found.kernel, capacity, this.priorities);
    if (kernel === undefined) return;
    this.#stopReplacing();
    if (typeof kernel === "string") {
      this.#notTaken = profile.hash;
      this.listener.profileNotTaken(this, profile, kernel);
      return;
    }
    this.#found.kernel[Symbol.dispose]();
    this.#setManaged({ kernel, profile });
  }

  /** Its guest complains of something: from now on {@link isToLeave}. */
  complain(text: string): void {
    this.#complaint ??= { text, boot: this.#boot() };
  }

  /** Between two ticks: the operator trusts it in spite of its complaint. Returns what that was. */
  trust(): string | undefined {
    const text = this.complaint;
    if (text !== undefined) this.#nextAttachNs = 0;
    this.#complaint = undefined;
    return text;
  }

  /** Between two ticks: everything in it is undone, and it has nothing to do with us any more. Other profiles may look at it. */
  leave(): void {
    if (this.leaving) this.#removedProfile = this.profileName;
    this.#release();
    this.#setUnmanaged(this.#whyLeft(), 0, 0);
  }

  scanned(): void {
    this.managed = true;
    this.#readability.reset();
  }

  /** The tick's scan failed. */
  scanFailed(nowNs: number, error: unknown): void {
    this.managed = false;
    this.#readability.failed(nowNs, error);
  }

  /** Since when, and why, the kernel that we knew is taken to be no longer there; undefined: it is. */
  get lost(): LostKernel | undefined {
    return this.#readability.lost;
  }

  /** Between two ticks: a lost kernel is given up and looked for anew. */
  giveUp(nowNs: number): void {
    const reason = this.lost?.reason ?? this.reason;
    this.#release();
    this.#setUnmanaged(reason, nowNs, retryFirstNs);
  }

  [Symbol.dispose](): void {
    this.#stopSearch();
    this.#release();
    this.domain[Symbol.dispose]();
  }

  async #attach(search: KernelSearch, nowNs: number): Promise<void> {
    try {
      const found = await search.run();
      if (this.#search !== search) {
        found?.kernel[Symbol.dispose]();
        return;
      }
      this.#search = undefined;
      if (found !== undefined && this.#complaint !== undefined) {
        const isSameBoot = (found.kernel.description.boot ?? "") === this.#complaint.boot;
        if (isSameBoot) {
          found.kernel[Symbol.dispose]();
          this.#setUnmanaged(this.#whyLeft(), nowNs, retryLongestNs);
          return;
        }
        this.#complaint = undefined;
      }
      if (found !== undefined) {
        this.#setManaged(found);
        return;
      }
      this.#setUnmanaged(this.#unrecognised(), nowNs, this.#retryNs);
      this.#retryNs = Math.min(2 * this.#retryNs, retryLongestNs);
    } catch (error) {
      if (this.#search !== search) return;
      this.#search = undefined;
      // The hypervisor lists it: it is being made, or the next list will not have it any more.
      const halfThere = isVmmschedError(error, "ERR_DOMAIN_GONE");
      const soon = halfThere || isVmmschedError(error, "ERR_GUEST_NOT_READY");
      const reason = halfThere ? "it is being created or destroyed" : messageOf(error);
      this.#setUnmanaged(reason, nowNs, soon ? retryNotReadyNs : this.#retryNs);
      if (!soon) this.#retryNs = Math.min(2 * this.#retryNs, retryLongestNs);
    }
  }

  #boot(): string {
    return this.kernel?.description.boot ?? "";
  }

  #whyLeft(): string {
    const { complaint } = this;
    return complaint === undefined
      ? this.#unrecognised()
      : `its guest complained after edits of ours: ${complaint}; it is left alone until it boots anew or is trusted again (vmmsched trust)`;
  }

  #unrecognised(): string {
    const name = this.#removedProfile;
    return name === undefined || this.profiles.some((profile) => profile.name === name)
      ? "no guest profile recognises its operating system"
      : `its guest profile ${name} was removed`;
  }

  #stopSearch(): void {
    this.#search?.[Symbol.dispose]();
    this.#search = undefined;
  }

  #stopReplacing(): void {
    this.#replacement?.[Symbol.dispose]();
    this.#replacement = undefined;
  }

  /** Lets go of the kernel and of everything that was to come after it. */
  #release(): void {
    this.#stopReplacing();
    this.#found?.kernel[Symbol.dispose]();
    this.#found = undefined;
    this.leaving = false;
    this.managed = false;
    this.#readability.reset();
    this.#notTaken = "";
  }

  #setManaged(found: FoundKernel): void {
    this.#found = found;
    this.status = "managed";
    this.reason = "";
    this.#retryNs = retryFirstNs;
    this.#removedProfile = undefined;
    this.#notTaken = "";
    this.listener.statusChanged(this);
  }

  #setUnmanaged(reason: string, nowNs: number, retryNs: number): void {
    const known = this.status === "unmanaged" && this.reason === reason;
    this.status = "unmanaged";
    this.reason = reason;
    this.#nextAttachNs = nowNs + retryNs;
    if (!known) this.listener.statusChanged(this);
  }
}

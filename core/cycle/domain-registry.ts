import { cpus } from "node:os";
import { inject, injectable } from "tsyringe";
import { isVmmschedError } from "../errors.js";
import { globs } from "../glob.js";
import { Hypervisor, type DomainInfo } from "../hypervisor.js";
import { Log } from "../log.js";
import type { ConfiguredProfile } from "../plugins/configure.js";
import { CycleOptions } from "./cycle-options.js";
import { ManagedDomain, type DomainListener } from "./managed-domain.js";

export type GuestProfiles = readonly ConfiguredProfile[];
export const GuestProfiles = Symbol("GuestProfiles");

/** The domains of the host as we know them: follows those that come, go, reboot and crash, and logs it. */
@injectable()
export class DomainRegistry implements Disposable {
  readonly #bySlot: (ManagedDomain | undefined)[] = [];
  readonly #known: ManagedDomain[] = [];
  /** Does not change, and takes long to ask for. */
  readonly #ownCpuCount = cpus().length;
  readonly #isWanted: (name: string) => boolean;
  readonly #listener: DomainListener = {
    statusChanged: (domain) => {
      this.#logStatus(domain);
    },
    profileNotTaken: (domain, { name, version }, reason) => {
      this.log.warn(
        { event: "profile-not-taken", ...factsOf(domain), profile: name, version, reason },
        `version ${version} of guest profile ${name} is not taken: ${reason}`,
      );
    },
  };

  constructor(
    @inject(Hypervisor) private readonly hypervisor: Hypervisor,
    @inject(GuestProfiles) private profiles: GuestProfiles,
    @inject(CycleOptions) private readonly options: CycleOptions,
    @inject(Log) private readonly log: Log,
  ) {
    this.#isWanted = globs(options.domains.include, options.domains.exclude);
  }

  /** In the order in which they were met. */
  get domains(): readonly ManagedDomain[] {
    return this.#known;
  }

  /** Physical CPUs of the host. */
  get cpuCount(): number {
    return this.hypervisor.cpuCount ?? this.#ownCpuCount;
  }

  bySlot(slot: number): ManagedDomain | undefined {
    return this.#bySlot[slot];
  }

  /**
   * Between two ticks: these profiles are the ones there are, in the order in which they are asked. Domains that nobody
   * manages are looked at again; where the profile has changed, the new version takes over as soon as it is ready; where
   * it was removed, everything is released before the kernel is let go. The same hash means that nothing has changed.
   */
  setProfiles(profiles: GuestProfiles): void {
    const before = this.profiles;
    this.profiles = profiles;
    if (this.#logProfiles(before)) for (const domain of this.#known) domain.setProfiles(profiles);
  }

  /** Hashes of the profiles that there are, and of older versions that still manage a domain. */
  get profilesInUse(): ReadonlySet<string> {
    const serving = this.#known.flatMap(({ profile }) => (profile === undefined ? [] : [profile]));
    return new Set([...this.profiles, ...serving].map(({ hash }) => hash));
  }

  /** Names of the domains that each profile manages. */
  namesByProfile(): Readonly<Record<string, readonly string[]>> {
    const names: Record<string, string[]> = {};
    for (const { profileName, info } of this.#known)
      if (profileName !== undefined) (names[profileName] ??= []).push(info.name);
    return names;
  }

  /** Asks the hypervisor, adds and drops domains, and starts looking for kernels where none is known. */
  refresh(nowNs: number): void {
    this.#follow();
    for (const domain of this.#known) {
      domain.accountCpuTime();
      domain.replaceWhenReady(this.options.maxTasks);
      void domain.attachWhenDue(nowNs);
    }
  }

  /** Like {@link refresh}, but waits until every domain has been looked at: for commands that take a single look. */
  async attachAll(nowNs: number): Promise<void> {
    this.#follow();
    for (const domain of this.#known) await domain.attachWhenDue(nowNs);
  }

  [Symbol.dispose](): void {
    for (const domain of this.#known) domain[Symbol.dispose]();
    this.#known.length = 0;
    this.#bySlot.length = 0;
  }

  #follow(): void {
    const infos = this.hypervisor.domains();
    for (let i = this.#known.length - 1; i >= 0; i--) this.#dropIfGone(i, infos);
    for (const info of infos) if (!info.ended && !this.#isKnown(info)) this.#add(info);
    for (const domain of this.#known) domain.shares.observe();
  }

  #isKnown(info: DomainInfo): boolean {
    for (const domain of this.#known) if (isSame(domain.info, info)) return true;
    return false;
  }

  #add(info: DomainInfo): void {
    let slot = this.#bySlot.indexOf(undefined);
    if (slot < 0) slot = this.#bySlot.length;
    try {
      const domain = new ManagedDomain(
        slot,
        info,
        this.hypervisor.open(info.id),
        this.profiles,
        this.#listener,
      );
      // Known all the same: what it uses of the host counts.
      if (!this.#isWanted(info.name)) domain.exclude();
      this.#bySlot[slot] = domain;
      this.#known.push(domain);
      this.log.info(
        { event: "domain-appeared", domain: info.name, id: info.id, uuid: info.uuid, kind: info.kind },
        "domain appeared",
      );
    } catch (error) {
      if (!isVmmschedError(error, "ERR_DOMAIN_GONE")) throw error;
    }
  }

  /** Drops the known domain at `index` when it ended, or when its id now belongs to another. */
  #dropIfGone(index: number, infos: readonly DomainInfo[]): void {
    const domain = this.#known[index];
    if (domain === undefined) return;
    for (const info of infos) if (isSame(info, domain.info) && !info.ended) return;
    const { name, id, uuid } = domain.info;
    const how = domain.info.ended ? "shut down or crashed" : "is gone";
    domain[Symbol.dispose]();
    this.#known.splice(index, 1);
    this.#bySlot[domain.slot] = undefined;
    this.log.info({ event: "domain-gone", domain: name, id, uuid, how }, `domain ${how}`);
  }

  /** Logs what has changed since `before`; false when nothing has, not even the order. */
  #logProfiles(before: GuestProfiles): boolean {
    for (const { name, version, hash } of this.profiles) {
      const old = before.find((profile) => profile.name === name);
      const facts = { profile: name, version };
      if (old === undefined)
        this.log.info({ event: "profile-added", ...facts }, `guest profile ${name} ${version} is there`);
      else if (old.hash !== hash)
        this.log.info(
          { event: "profile-changed", ...facts, previous: old.version },
          `guest profile ${name} has changed`,
        );
    }
    for (const { name, version } of before) {
      if (this.profiles.some((profile) => profile.name === name)) continue;
      const domains = this.#known.filter((one) => one.profileName === name).map((one) => one.info.name);
      this.log.info(
        { event: "profile-removed", profile: name, version, domains },
        `guest profile ${name} was removed; what is held in its domains is released`,
      );
    }
    return (
      before.length !== this.profiles.length || before.some(({ hash }, i) => hash !== this.profiles[i]?.hash)
    );
  }

  #logStatus(domain: ManagedDomain): void {
    const facts = factsOf(domain);
    if (domain.kernel === undefined) {
      this.log.warn(
        { event: "domain-unmanaged", ...facts, reason: domain.reason },
        `unmanaged: ${domain.reason}`,
      );
      return;
    }
    const { os, version, buildId, evidence, capabilities } = domain.kernel.description;
    const profile = domain.profileName;
    this.log.info(
      { event: "domain-attached", ...facts, profile, os, version, buildId, evidence, capabilities },
      `runs ${os} ${version}`,
    );
  }
}

function factsOf({ info }: ManagedDomain): { readonly domain: string; readonly id: number } {
  return { domain: info.name, id: info.id };
}

/** Ids are used again: only with the uuid do they name a domain. */
function isSame(one: DomainInfo, other: DomainInfo): boolean {
  return one.id === other.id && one.uuid === other.uuid;
}

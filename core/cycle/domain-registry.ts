import { inject, injectable } from "tsyringe";
import { isVmmschedError } from "../errors.js";
import { globs } from "../glob.js";
import { Hypervisor, type DomainInfo } from "../hypervisor.js";
import { Log } from "../log.js";
import type { ConfiguredProfile } from "../plugins/configure.js";
import { CycleOptions } from "./cycle-options.js";
import { ManagedDomain } from "./managed-domain.js";

export type GuestProfiles = readonly ConfiguredProfile[];
export const GuestProfiles = Symbol("GuestProfiles");

/** The domains of the host as we know them: follows those that come, go, reboot and crash, and logs it. */
@injectable()
export class DomainRegistry implements Disposable {
  readonly #bySlot: (ManagedDomain | undefined)[] = [];
  readonly #known: ManagedDomain[] = [];
  readonly #isWanted: (name: string) => boolean;

  constructor(
    @inject(Hypervisor) private readonly hypervisor: Hypervisor,
    @inject(GuestProfiles) private readonly profiles: GuestProfiles,
    @inject(CycleOptions) options: CycleOptions,
    @inject(Log) private readonly log: Log,
  ) {
    this.#isWanted = globs(options.domains.include, options.domains.exclude);
  }

  /** In the order in which they were met. */
  get domains(): readonly ManagedDomain[] {
    return this.#known;
  }

  bySlot(slot: number): ManagedDomain | undefined {
    return this.#bySlot[slot];
  }

  /** Asks the hypervisor, adds and drops domains, and starts looking for kernels where none is known. */
  refresh(nowNs: number): void {
    this.#follow();
    for (const domain of this.#known) {
      domain.accountCpuTime();
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
  }

  #isKnown(info: DomainInfo): boolean {
    for (const domain of this.#known) if (isSame(domain.info, info)) return true;
    return false;
  }

  #add(info: DomainInfo): void {
    let slot = this.#bySlot.indexOf(undefined);
    if (slot < 0) slot = this.#bySlot.length;
    try {
      const domain = new ManagedDomain(slot, info, this.hypervisor.open(info.id), this.profiles, (one) => {
        this.#logStatus(one);
      });
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

  #logStatus(domain: ManagedDomain): void {
    const facts = { domain: domain.info.name, id: domain.info.id };
    if (domain.kernel === undefined) {
      this.log.warn(
        { event: "domain-unmanaged", ...facts, reason: domain.reason },
        `unmanaged: ${domain.reason}`,
      );
      return;
    }
    const { os, version, buildId, evidence, capabilities } = domain.kernel.description;
    this.log.info(
      { event: "domain-attached", ...facts, os, version, buildId, evidence, capabilities },
      `runs ${os} ${version}`,
    );
  }
}

/** Ids are used again: only with the uuid do they name a domain. */
function isSame(one: DomainInfo, other: DomainInfo): boolean {
  return one.id === other.id && one.uuid === other.uuid;
}

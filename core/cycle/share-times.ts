import type { DomainShare } from "../hypervisor.js";
import { isSameShare } from "../share.js";
import type { ManagedDomain } from "./managed-domain.js";

interface Seen {
  readonly share: DomainShare;
  readonly sinceNs: number;
}

/** Since when domains have the weight and cap that they have. */
export class ShareTimes {
  readonly #seen = new WeakMap<ManagedDomain, Seen>();

  /** At the end of a tick that began at `nowNs`. */
  observe(domains: readonly ManagedDomain[], nowNs: number): void {
    for (const domain of domains) {
      const { share } = domain;
      const before = this.#seen.get(domain);
      if (share === undefined) this.#seen.delete(domain);
      else if (before === undefined || !isSameShare(before.share, share))
        this.#seen.set(domain, { share: { ...share }, sinceNs: nowNs });
    }
  }

  /** Host clock of the first tick that saw the domain with its present share; undefined where that is not known. */
  sinceNs(domain: ManagedDomain): number | undefined {
    return this.#seen.get(domain)?.sinceNs;
  }
}

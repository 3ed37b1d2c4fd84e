import type { DomainShare } from "../hypervisor.js";
import type { Log } from "../log.js";
import type { Wishes } from "../policies/policies.js";
import { isSameShare, shareMembers, shareOf } from "../share.js";
import type { CycleJournal } from "./cycle-journal.js";
import type { DomainRegistry } from "./domain-registry.js";
import type { ManagedDomain } from "./managed-domain.js";

/** Gives domains the weights, caps and I/O limits that are wished for them, and their own back when nobody wishes any more. */
export class Shares {
  /** Why a domain does not get what it is to have, as it was told. */
  readonly #problems = new WeakMap<ManagedDomain, string>();
  /** What a domain would have, as it was told last. */
  readonly #would = new WeakMap<ManagedDomain, DomainShare>();

  constructor(
    private readonly registry: DomainRegistry,
    private readonly log: Log,
    private readonly journal: CycleJournal,
  ) {}

  /** How many domains have a share that is not their own. */
  get changed(): number {
    return this.registry.domains.filter(({ shares }) => shares.own !== undefined).length;
  }

  /** Why this domain does not get the share that is wished for it, or its own back; undefined: it does. */
  problemOf(domain: ManagedDomain): string | undefined {
    return this.#problems.get(domain);
  }

  /** Once no domain is paused: a driver may take its time. The domains are those of the snapshot, in its order. */
  apply(wishes: Wishes): void {
    for (const [row, domain] of this.registry.domains.entries()) {
      const { change, problem } = domain.shares.change(wishes.share(row), (set) =>
        this.journal.beforeShare(domain, set),
      );
      if (problem === undefined) this.#problems.delete(domain);
      else this.#tellProblem(domain, problem);
      if (change === undefined) continue;
      const facts = { event: "share", domain: domain.info.name, id: domain.info.id, ...change };
      this.log.info({ ...facts, ...reasonOf(row, wishes) }, `share of ${domain.info.name}`);
    }
  }

  /** What would be done, told when it changes. */
  tell(wishes: Wishes): void {
    for (const [row, domain] of this.registry.domains.entries()) {
      const { present, own = present } = domain.shares;
      if (own === undefined) continue;
      const to = shareOf(own, wishes.share(row));
      const from = this.#would.get(domain) ?? own;
      this.#would.set(domain, to);
      if (isSameShare(from, to)) continue;
      const { name, id } = domain.info;
      const facts = { event: "would-set-share", domain: name, id, from, to, ...reasonOf(row, wishes) };
      this.log.info(facts, `would set the share of ${name}`);
    }
  }

  #tellProblem(domain: ManagedDomain, reason: string): void {
    if (this.#problems.get(domain) === reason) return;
    this.#problems.set(domain, reason);
    const { name, id } = domain.info;
    this.log.warn(
      { event: "share-not-set", domain: name, id, reason },
      `the share of ${name} cannot be set: ${reason}`,
    );
  }
}

/** Who wishes what, and why. A share that is given back has none. */
function reasonOf(row: number, wishes: Wishes): { readonly reason?: string } {
  const wished = wishes.share(row);
  const reasons = shareMembers.flatMap((member) =>
    wished[member] === undefined ? [] : (wishes.shareReasons[member][row] ?? []),
  );
  return reasons.length === 0 ? {} : { reason: [...new Set(reasons)].join("; ") };
}

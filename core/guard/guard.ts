import type { DomainRegistry } from "../cycle/domain-registry.js";
import type { HeldRecord } from "../cycle/lost-domains.js";
import type { ManagedDomain } from "../cycle/managed-domain.js";
import type { Wishes } from "../policies/policies.js";
import type { TaskColumns } from "../snapshot/task-columns.js";
import type { Log } from "../log.js";
import { GuardEvents } from "./guard-events.js";
import { defaultGuard, type GuardOptions } from "./guard-options.js";
import { GuardedDomain, newStanding, type LostSay, type Standing } from "./guarded-domain.js";
import { LetGo } from "./let-go.js";
import { RunSlots } from "./run-slots.js";
import { dropGreaterShares } from "./shares-without-say.js";

/** Of one CPU: an unmanaged domain that is charged more wants it. */
const wanting = 0.05;
/** Of the host's CPUs: where domains use less, whoever wants one gets it. */
const roomy = 0.5;
/** For how long the standing of a domain that is gone is kept. */
const memoryNs = 3600e9;

/**
 * Between guests, policies and edits: no process is held for longer than it may be, no domain has more influence on others than
 * it may have, and who contradicts what the hypervisor knows has no say. Policies see who has ({@link ManagedDomain.hasSay});
 * what they wish against it is dropped. Nothing here is written to guests, and between two domains that
 * behave nothing changes.
 */
export class Guard {
  readonly #options: GuardOptions;
  readonly #bySlot: (GuardedDomain | undefined)[] = [];
  readonly #standings = new Map<string, Standing>();
  readonly #letGo: LetGo;
  readonly #slots: RunSlots;
  readonly #events: GuardEvents;
  #nowNs = 0;
  #intervalNs = 0;

  constructor(
    private readonly registry: DomainRegistry,
    private readonly columns: TaskColumns,
    { maxTasks, guard = defaultGuard }: { readonly maxTasks: number; readonly guard?: GuardOptions },
    log: Log,
  ) {
    this.#options = guard;
    this.#letGo = new LetGo(maxTasks);
    this.#events = new GuardEvents(log);
    this.#slots = new RunSlots(columns, this.#events);
  }

  /**
   * After a scan of `rows` tasks, with their CPU times since the one before: cuts these to what is possible, and decides which domains
   * have a say. `intervalNs`: 0 in the first tick.
   */
  judge(rows: number, nowNs: number, intervalNs: number): void {
    this.#nowNs = nowNs;
    this.#intervalNs = intervalNs;
    for (const [slot, guarded] of this.#bySlot.entries())
      if (guarded !== undefined && this.registry.bySlot(slot) !== guarded.domain)
        this.#bySlot[slot] = undefined;
    for (const domain of this.registry.domains) this.#begin(this.#guarded(domain));
    this.#look(rows);
    let [heldCount, chargedNs] = [0, 0];
    for (const domain of this.registry.domains) {
      heldCount += this.#bySlot[domain.slot]?.signs.heldCount ?? 0;
      chargedNs += domain.cpuTimeDeltaNs;
    }
    const hostHasRoom = chargedNs < roomy * this.registry.cpuCount * intervalNs;
    for (const domain of this.registry.domains) {
      const guarded = this.#bySlot[domain.slot];
      if (guarded !== undefined) this.#judge(guarded, heldCount, hostHasRoom);
    }
  }

  /** Takes back what the policies wish against it. */
  restrain(rows: number, wishes: Wishes): void {
    this.#slots.open(rows, wishes, this.#bySlot, this.#nowNs, this.#intervalNs);
    dropGreaterShares(this.registry.domains, wishes);
  }

  /** What is held in each domain when the tick's edits are made, whether or not they were. */
  remember(heldIn: (domain: ManagedDomain) => readonly HeldRecord[]): void {
    this.#letGo.beginTick();
    if (!this.#options.checkClaims) return;
    for (const domain of this.registry.domains)
      // A hold in two steps may be undone by the guest between them, and nothing is wrong with it.
      if (domain.managed && domain.kernel?.holdsInTwoSteps !== true)
        for (const { address, startTimeNs } of heldIn(domain))
          this.#letGo.remember(domain.slot, address, startTimeNs);
  }

  /** Logs what happened; while no domain is paused. */
  flush(): void {
    this.#events.flush();
  }

  /** Why a domain has no say; undefined: it has. */
  lostSay(domain: ManagedDomain): LostSay | undefined {
    const guarded = this.#bySlot[domain.slot];
    return guarded?.domain === domain ? guarded.lostSay(this.#nowNs) : undefined;
  }

  #guarded(domain: ManagedDomain): GuardedDomain {
    const known = this.#bySlot[domain.slot];
    if (known?.domain === domain) return known;
    for (const [uuid, { lookedAtNs }] of this.#standings)
      if (this.#nowNs - lookedAtNs > memoryNs) this.#standings.delete(uuid);
    const { uuid } = domain.info;
    const standing = this.#standings.get(uuid) ?? newStanding(this.#options, this.#nowNs);
    this.#standings.set(uuid, standing);
    return (this.#bySlot[domain.slot] = new GuardedDomain(domain, standing, this.#options));
  }

  #begin(guarded: GuardedDomain): void {
    guarded.signs.clear();
    guarded.letGo = false;
    guarded.mostChargedNs = guarded.claims.mostChargedNs(this.#intervalNs, guarded.domain.info.vcpuCount);
  }

  #look(rows: number): void {
    for (let row = 0; row < rows; row++) {
      const guarded = this.#bySlot[this.columns.domain[row] ?? -1];
      if (guarded === undefined) continue;
      guarded.signs.see(this.columns, row, guarded.mostChargedNs);
      if (this.#letGo.again(this.columns, row, guarded.escapes, this.#nowNs)) guarded.letGo = true;
    }
  }

  #judge(guarded: GuardedDomain, heldOnHost: number, hostHasRoom: boolean): void {
    const { domain, signs, standing } = guarded;
    const wants = domain.managed ? signs.wants : domain.cpuTimeDeltaNs > wanting * this.#intervalNs;
    const presses = domain.hasSay && wants && !domain.info.paused && heldOnHost > signs.heldCount;
    // While it was away, as in a reboot, it has pressed nobody.
    standing.influence.look(Math.max(0, this.#nowNs - standing.lookedAtNs - this.#intervalNs), false);
    standing.influence.look(this.#intervalNs, presses);
    standing.lookedAtNs = this.#nowNs;
    const begins = standing.distrust.look(this.#nowNs, this.#accusation(guarded, hostHasRoom));
    const lost = guarded.lostSay(this.#nowNs);
    domain.hasSay = lost === undefined;
    if (!begins && guarded.told === lost?.reason) return;
    guarded.told = lost?.reason;
    this.#events.say(domain, lost);
  }

  #accusation(guarded: GuardedDomain, hostHasRoom: boolean): string | undefined {
    const { domain, signs, claims, letGo } = guarded;
    if (!this.#options.checkClaims || this.#intervalNs <= 0) return undefined;
    if (!domain.managed) {
      claims.skip();
      return undefined;
    }
    return claims.look(signs, {
      intervalNs: this.#intervalNs,
      chargedNs: domain.cpuTimeDeltaNs,
      paused: domain.info.paused,
      capped: guarded.isCapped,
      hostHasRoom,
      letGo,
    });
  }
}

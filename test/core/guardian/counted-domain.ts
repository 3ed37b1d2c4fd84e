import { VmmschedError } from "../../../core/errors.js";
import { GuardedHypervisor } from "../../../core/guardian/guarded-hypervisor.js";
import { Guardian } from "../../../core/guardian/guardian.js";
import { GuardianPage, monotonicNs, pageBytes } from "../../../core/guardian/page.js";
import type { Payer } from "../../../core/guardian/payer.js";
import type { Domain, DomainInfo, Hypervisor, PausedDomain } from "../../../core/hypervisor.js";
import { silentLog } from "../../../core/log.js";
import type { Frame } from "../../../core/memory/address.js";

/** Moments at which a scheduler may be stopped or may die. */
export const moments = [
  ...(["before pause", "after pause", "before write", "in the midst", "after write"] as const),
  ...(["before unpause", "after unpause"] as const),
] as const;
export type Moment = (typeof moments)[number];

const info: DomainInfo = {
  ...{ id: 1, uuid: "u", name: "counted", kind: "pv", vcpuCount: 1, memoryBytes: 4096, cpuTimeNs: 0 },
  ...{ paused: false, ended: false },
};

/** A host with one domain whose pauses are counted as Xen counts them, with a scheduler and a guardian that share a page. */
export class CountedHost {
  /** Pauses that are in force. */
  count = 0;
  /** What was written, and how often while nobody had paused the domain. */
  written = 0;
  writtenWhileRunning = 0;
  alive = true;
  reachable = true;
  gone = false;
  kills = 0;
  /** What happens at a moment of the scheduler's. */
  at: (moment: Moment) => void = () => undefined;
  readonly page: GuardianPage;
  guardian: Guardian;
  readonly domain: Domain;
  readonly payer: Payer = {
    reach: (_name, dead) => {
      if (this.gone) return "gone";
      if (!this.reachable && !dead) return undefined;
      return {
        paused: () => this.count > 0,
        unpause: () => this.unpause(),
        [Symbol.dispose]() {},
      };
    },
    [Symbol.dispose]() {},
  };

  constructor(othersPaused = false, buffer: ArrayBufferLike = new ArrayBuffer(pageBytes)) {
    this.page = new GuardianPage(buffer);
    if (othersPaused) this.count = 1;
    this.guardian = this.newGuardian();
    const inner = this.#domain({ ...info, paused: othersPaused });
    const hypervisor: Hypervisor = {
      name: "counted",
      domains: () => [inner.info],
      open: () => inner,
      [Symbol.dispose]() {},
    };
    const alive = () => this.alive;
    this.domain = new GuardedHypervisor(hypervisor, {
      page: this.page,
      get alive() {
        return alive();
      },
    }).open(1);
  }

  newGuardian(): Guardian {
    const kill = () => {
      this.kills++;
    };
    const { page, payer } = this;
    return new Guardian({ page, payer, log: silentLog, hardLimitNs: 50e6, kill });
  }

  unpause(): void {
    if (this.count === 0) throw new VmmschedError("ERR_HYPERVISOR_CALL", "there is no pause to give back");
    this.count--;
  }

  /** The guardian looks `ms` from now, as often as it takes to find, pay and strike off. */
  lookIn(ms: number): void {
    for (let look = 0; look < 4; look++) this.guardian.look(monotonicNs() + ms * 1e6);
  }

  /** The scheduler is dead. */
  die(): void {
    this.guardian.died(monotonicNs());
  }

  /** One pause with a write in it, as an edit makes it. */
  edit(): "committed" | "stale" {
    using paused = this.domain.pause();
    this.at("before write");
    if (paused.beginWriting?.() === false) return "stale";
    try {
      paused.memory.write32(0 as Frame, 0, 1);
      return "committed";
    } finally {
      paused.endWriting?.();
      this.at("after write");
    }
  }

  #domain(facts: DomainInfo): Domain {
    const memory = { i32: () => 0, read() {}, readFrames: () => 0 };
    return {
      ...{ info: facts, memory, guardianName: "counted" },
      vcpus: () => [],
      share: () => undefined,
      setShare() {},
      pause: () => this.#pause(memory),
      [Symbol.dispose]() {},
    };
  }

  #pause(memory: Domain["memory"]): PausedDomain {
    this.at("before pause");
    this.count++;
    this.at("after pause");
    let owed = true;
    return {
      memory: {
        ...memory,
        write32: () => {
          this.at("in the midst");
          this.written++;
          if (this.count === 0) this.writtenWhileRunning++;
        },
      },
      vcpus: () => [],
      disown: () => void (owed = false),
      [Symbol.dispose]: () => {
        if (!owed) return;
        owed = false;
        this.at("before unpause");
        this.unpause();
        this.at("after unpause");
      },
    };
  }
}

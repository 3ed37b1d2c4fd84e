import assert from "node:assert/strict";
import { VmmschedError } from "../../../core/errors.js";
import { SimulatedHost, SimulatedHypervisor } from "../../../native/simulated/index.js";
import type { Domain, Hypervisor } from "../../../core/hypervisor.js";
import { holdNamed, ScheduledHost } from "./scheduled-host.js";

const domains = [
  { name: "web", kind: "pvh", processes: [{ comm: "burner", workload: { kind: "burn" } }] },
] as const;

/** A driver whose next resumes fail, so many of them; what they owe is owed until one does not. */
class ReluctantHypervisor implements Hypervisor {
  readonly name = "reluctant";
  failures = 0;

  constructor(private readonly inner: SimulatedHypervisor) {}

  domains() {
    return this.inner.domains();
  }

  open(id: number): Domain {
    const domain = this.inner.open(id);
    const pause = domain.pause.bind(domain);
    domain.pause = () => {
      const paused = pause();
      const resume = paused[Symbol.dispose].bind(paused);
      paused[Symbol.dispose] = () => {
        if (this.failures-- > 0) throw new VmmschedError("ERR_HYPERVISOR_CALL", "not now");
        resume();
      };
      return paused;
    };
    return domain;
  }

  [Symbol.dispose](): void {
    this.inner[Symbol.dispose]();
  }
}

describe("a domain that cannot be resumed", () => {
  for (const pause of ["late", "early"] as const)
    for (const [failures, when] of [
      [2, "in the same tick"],
      [4, "at the next tick"],
    ] as const)
      it(`runs again ${when} when that fails ${failures} times, and the scheduler goes on (pause: ${pause})`, async () => {
        const host = new SimulatedHost({ domains, lockProbability: 0 });
        const hypervisor = new ReluctantHypervisor(new SimulatedHypervisor(host));
        const scheduled = new ScheduledHost({ domains: [], host, hypervisor, pause, headStartNs: 1e9 });
        await scheduled.attach();
        hypervisor.failures = failures;
        scheduled.decide = holdNamed("burner");
        await scheduled.run(1);
        assert.equal(host.domains[0]?.pauseCount, failures > 3 ? 1 : 0);
        assert.equal(scheduled.events("edit-failed").length, failures > 3 ? 1 : 0);
        await scheduled.run(1);
        assert.equal(host.domains[0].pauseCount, 0);
        await scheduled.run(3);
        assert.equal(scheduled.cycle.heldTasks(), 1);
        await scheduled.loop.start();
        await scheduled.loop.stop("graceful");
        assert.deepEqual(scheduled.complaints(), []);
      });
});

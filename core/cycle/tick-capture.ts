import type { Wishes } from "../policies/policies.js";
import type { WorkerPolicies } from "../policies/worker-policies.js";
import { captureTick } from "../record/frame.js";
import type { HostColumns } from "../snapshot/host-columns.js";

/** Ticks on their way to who writes them; more than that, and the writer does not keep up. */
const mostUnderWay = 32;

/** Sends every tick to who writes it down, while that is wanted. */
export class TickCapture {
  #on = false;
  #underWay = 0;

  /** `send` resolves when the tick has been taken; `lost` is told why no more will come. */
  constructor(
    private readonly host: HostColumns,
    private readonly policies: Pick<WorkerPolicies, "answers">,
    private readonly send: (captured: ArrayBuffer) => Promise<void>,
    private readonly lost: (why: string) => void,
  ) {}

  set on(on: boolean) {
    this.#on = on;
  }

  /** To be called after each tick, with what all policies together wished. */
  take(inForce: Wishes): void {
    if (!this.#on) return;
    if (this.#underWay >= mostUnderWay) {
      this.#on = false;
      this.lost("the scheduler ticks faster than its record is written");
      return;
    }
    this.#underWay++;
    const done = () => {
      this.#underWay--;
    };
    this.send(captureTick(this.host, this.policies.answers, inForce)).then(done, done);
  }
}

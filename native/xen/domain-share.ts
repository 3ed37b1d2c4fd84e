import type { DomainShare } from "../../core/hypervisor.js";
import { leastWeight, type CpuShare } from "../../core/share.js";
import { callError, errno } from "./call-error.js";
import { schedCreditLayout, schedulerIds } from "./layouts.js";
import type { LibXenCtrl } from "./libxenctrl.js";

type ShareCall = (domainId: number, share: Uint8Array) => number;

interface CreditScheduler {
  readonly name: string;
  readonly get: ShareCall;
  readonly set: ShareCall;
}

/**
 * Weight and cap of domains in the credit schedulers. Each CPU pool has a scheduler of its own, and Xen refuses with
 * EINVAL the call that is meant for another (xen/common/sched/core.c, sched_adjust): so both are tried, the host's first.
 */
export class DomainShares {
  readonly #schedulers: readonly CreditScheduler[];
  readonly #bytes = new Uint8Array(schedCreditLayout.bytes);
  readonly #view = new DataView(this.#bytes.buffer);

  constructor(control: LibXenCtrl) {
    const credit: CreditScheduler = {
      name: "credit",
      get: (id, share) => control.creditGet(id, share),
      set: (id, share) => control.creditSet(id, share),
    };
    const credit2: CreditScheduler = {
      name: "credit2",
      get: (id, share) => control.credit2Get(id, share),
      set: (id, share) => control.credit2Set(id, share),
    };
    const usesCredit = control.schedulerId() === schedulerIds.credit;
    this.#schedulers = usesCredit ? [credit, credit2] : [credit2, credit];
  }

  /** Undefined where the domain's scheduler has neither weights nor caps. */
  get(domainId: number): CpuShare | undefined {
    for (const scheduler of this.#schedulers) {
      const number = scheduler.get(domainId, this.#bytes);
      if (number === errno.EINVAL) continue;
      if (number !== 0) throw callError(`xc_sched_${scheduler.name}_domain_get`, number, domainId);
      return {
        weight: this.#view.getUint16(schedCreditLayout.weight, true),
        capPercent: this.#view.getUint16(schedCreditLayout.cap, true),
      };
    }
    return undefined;
  }

  set(domainId: number, given: DomainShare): void {
    const { weight, capPercent } = this.#completed(domainId, given);
    let failed = "";
    for (const scheduler of this.#schedulers) {
      this.#view.setUint16(schedCreditLayout.weight, weight, true);
      this.#view.setUint16(schedCreditLayout.cap, capPercent, true);
      const number = scheduler.set(domainId, this.#bytes);
      if (number === 0) return;
      failed ||= `xc_sched_${scheduler.name}_domain_set`;
      if (number !== errno.EINVAL) throw callError(failed, number, domainId);
    }
    throw callError(failed, errno.EINVAL, domainId);
  }

  /** Both are set at once: what is not given stays as it is. */
  #completed(domainId: number, { weight, capPercent }: DomainShare): CpuShare {
    if (weight !== undefined && capPercent !== undefined) return { weight, capPercent };
    const present = this.get(domainId) ?? { weight: leastWeight, capPercent: 0 };
    return { weight: weight ?? present.weight, capPercent: capPercent ?? present.capPercent };
  }
}

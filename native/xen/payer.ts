import type { Payer, ReachedDomain } from "../../core/guardian/payer.js";
import { callError, errno } from "./call-error.js";
import type { DomainRecord } from "./domain-info.js";
import { DomainList } from "./domain-list.js";
import { LibXenCtrl } from "./libxenctrl.js";
import type { LibraryPaths } from "./shared-library.js";

interface Name {
  readonly id: number;
  readonly uuid: string;
}

export function xenGuardianName({ id, uuid }: Name): string {
  return JSON.stringify({ id, uuid });
}

/** Unpauses domains over a handle of libxenctrl of its own. */
export class XenPayer implements Payer {
  readonly #control: LibXenCtrl;
  readonly #list: DomainList;

  /** Throws as the driver itself. */
  constructor(paths?: LibraryPaths) {
    this.#control = new LibXenCtrl(paths);
    this.#list = new DomainList(this.#control, undefined);
  }

  reach(text: string): ReachedDomain | "gone" {
    const { id, uuid } = JSON.parse(text) as Name;
    this.#list.update();
    const record = this.#list.find(id);
    return record?.uuid === uuid ? new ReachedXenDomain(this.#control, record) : "gone";
  }

  [Symbol.dispose](): void {
    this.#control[Symbol.dispose]();
  }
}

class ReachedXenDomain implements ReachedDomain {
  constructor(
    private readonly control: LibXenCtrl,
    private readonly record: DomainRecord,
  ) {}

  /** As of when it was reached. */
  paused(): boolean {
    return this.record.paused;
  }

  /** One of Xen's count. Where there is no domain or no pause any more, there is nothing to give back. */
  unpause(): void {
    const number = this.control.unpause(this.record.id);
    if (number !== 0 && number !== errno.ESRCH && number !== errno.EINVAL)
      throw callError("xc_domain_unpause", number, this.record.id);
  }

  [Symbol.dispose](): void {}
}

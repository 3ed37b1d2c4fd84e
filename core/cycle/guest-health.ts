import { isVmmschedError, messageOf } from "../errors.js";
import type { Complaint, GuestKernel } from "../guest-profile.js";
import type { Log, LogFields } from "../log.js";
import type { TaskColumns } from "../snapshot/task-columns.js";
import type { DomainRegistry } from "./domain-registry.js";
import type { EditLog } from "./edit-log.js";
import type { ManagedDomain } from "./managed-domain.js";

/** What a guest says before we have edited it is told once in this time: it may never stop. */
const toldAgainNs = 60e9;

/** What is kept of one boot of a guest. */
interface Boot {
  readonly name: string;
  /** Something in it was held, released or given another priority by us. */
  edited: boolean;
  toldNs: number;
  /** The kernel whose failure to tell has been logged. */
  failed: GuestKernel | undefined;
}

/**
 * Watches whether guests take our edits well. One that complains before any edit has troubles of its own: that is only noted. One that
 * complains afterwards may have them from us: nothing more is wished in it, so that everything is undone and it is left alone
 * ({@link ManagedDomain.complain}).
 */
export class GuestHealth {
  readonly #boots = new WeakMap<ManagedDomain, Boot>();
  #pending: {
    readonly level: "info" | "warn" | "error";
    readonly fields: LogFields;
    readonly message: string;
  }[] = [];

  constructor(
    private readonly registry: DomainRegistry,
    private readonly log: Log,
  ) {}

  /** After a scan: asks every kernel. Domains may be paused, so nothing is logged yet. */
  look(nowNs: number): void {
    for (const domain of this.registry.domains) {
      const { kernel } = domain;
      if (kernel?.health === undefined) continue;
      const boot = this.#bootOf(domain, kernel);
      try {
        const complaints = kernel.health();
        const [first] = complaints;
        if (first !== undefined && domain.complaint === undefined)
          this.#heard(domain, boot, first, complaints.length - 1, nowNs);
      } catch (error) {
        if (!isVmmschedError(error)) throw error;
        if (boot.failed === kernel) continue;
        boot.failed = kernel;
        const fields = { event: "health-unknown", ...factsOf(domain), code: error.code };
        this.#pending.push({ level: "warn", fields, message: messageOf(error) });
      }
    }
  }

  /** After the edits of a tick, before their log is flushed: from now on, complaints may be of them. */
  edited(columns: TaskColumns, edits: EditLog): void {
    edits.forEach((row, _kind, outcome) => {
      if (outcome !== "committed") return;
      const domain = this.registry.bySlot(columns.domain[row] ?? -1);
      if (domain?.kernel !== undefined) this.#bootOf(domain, domain.kernel).edited = true;
    });
  }

  /** Logs what was heard; while no domain is paused. */
  flush(): void {
    if (this.#pending.length === 0) return;
    for (const { level, fields, message } of this.#pending) this.log[level](fields, message);
    this.#pending = [];
  }

  #heard(domain: ManagedDomain, boot: Boot, first: Complaint, others: number, nowNs: number): void {
    const { source, text } = first;
    const [line = ""] = text.split("\n", 1);
    const fields = {
      event: "guest-complains",
      ...factsOf(domain),
      source,
      line,
      others,
      edited: boot.edited,
    };
    const who = `${domain.info.name} complains (${source}): ${line}`;
    if (boot.edited) {
      domain.complain(line);
      const message = `${who}; what is held or changed in it is given back, and it is left alone`;
      this.#pending.push({ level: "error", fields, message });
    } else if (nowNs - boot.toldNs >= toldAgainNs) {
      boot.toldNs = nowNs;
      this.#pending.push({ level: "info", fields, message: `${who}; nothing in it has been edited` });
    }
  }

  #bootOf(domain: ManagedDomain, { description }: GuestKernel): Boot {
    const name = description.boot ?? "";
    const known = this.#boots.get(domain);
    if (known?.name === name) return known;
    const boot = { name, edited: false, toldNs: Number.NEGATIVE_INFINITY, failed: undefined };
    this.#boots.set(domain, boot);
    return boot;
  }
}

function factsOf({ info }: ManagedDomain): { readonly domain: string; readonly id: number } {
  return { domain: info.name, id: info.id };
}

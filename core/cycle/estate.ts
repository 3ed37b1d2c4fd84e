import { isVmmschedError } from "../errors.js";
import type { DomainBook } from "../journal/journal-book.js";
import type { JournalFile } from "../journal/journal-file.js";
import type { HoldRecord } from "../journal/journal-record.js";
import type { Log } from "../log.js";
import type { ManagedDomain } from "./managed-domain.js";

/** A domain that does not come, or whose kernel is not recognised, is waited for so long. */
const patienceNs = 600e9;
/**
 * What a scheduler before this one held shows in the guest itself, within a few scans. Of what does not show then, the kernel
 * is told: its task may hide. What it does not find within as many again has exited.
 */
const scansToShow = 4;

/** Of the guest in a domain; empty where its profile cannot tell, undefined while no kernel is known. */
export function bootOf({ kernel }: ManagedDomain): string | undefined {
  return kernel === undefined ? undefined : (kernel.description.boot ?? "");
}

/** Of the domain, for every scheduler of this host. */
export function instanceOf({ domain, info }: ManagedDomain): string {
  return domain.instance ?? String(info.id);
}

/** What a scheduler before this one has left, by its journal, until it is known what becomes of it. */
export class Estate {
  readonly #left: Set<DomainBook>;
  /** Tasks that it held and that no scan has shown as held, by domain and address, and in how many scans. */
  readonly #awaited = new Map<ManagedDomain, Map<number, number>>();
  #sinceNs: number | undefined;

  /** `ownBook`: of a domain, in the journal that goes on. */
  constructor(
    private readonly file: JournalFile,
    private readonly ownBook: (domain: ManagedDomain) => DomainBook,
    private readonly log: Log,
  ) {
    this.#left = new Set(file.book.domains);
  }

  /** Nothing is waited for any more. */
  get isSettled(): boolean {
    return this.#left.size + this.#awaited.size === 0;
  }

  /** Tasks in known kernels of which no scan has told yet whether they are still held. */
  get awaited(): number {
    let count = 0;
    for (const tasks of this.#awaited.values()) count += tasks.size;
    return count;
  }

  /** Hands over what belongs to these domains as they are now. */
  inherit(domains: readonly ManagedDomain[], nowNs: number): void {
    this.#sinceNs ??= nowNs;
    for (const book of this.#left) {
      for (const domain of domains) if (domain.info.uuid === book.domain.uuid) this.#handOver(book, domain);
      if (isEmpty(book)) this.#close(book);
      else if (nowNs - this.#sinceNs >= patienceNs) {
        this.#tell(book, "its domain did not come, or its kernel was not recognised");
        this.#close(book);
      }
    }
  }

  /** A scan has shown it as held. */
  met(domain: ManagedDomain, address: number): void {
    if (this.#awaited.size > 0) this.#forget(domain, address);
  }

  /** A scan has not shown it as held: is it to be waited for all the same? To be asked once a scan. */
  stillAwaits(domain: ManagedDomain, task: HoldRecord): boolean {
    const scans = this.#awaited.get(domain)?.get(task.address);
    if (scans === undefined) return false;
    this.#awaited.get(domain)?.set(task.address, scans + 1);
    if (scans === scansToShow) adopt(domain, task);
    if (scans < 2 * scansToShow) return true;
    this.#forget(domain, task.address);
    return false;
  }

  /** This domain is gone. */
  forget(domain: ManagedDomain): void {
    this.#awaited.delete(domain);
  }

  #handOver(book: DomainBook, domain: ManagedDomain): void {
    const isSameRun = book.domain.instance === instanceOf(domain);
    if (book.share !== undefined && !isSameRun) {
      this.#tell(book, "its domain was started anew since");
      this.#settle(book, "share");
    } else if (book.share !== undefined && domain.shares.resume(book.share)) {
      this.file.apply({ ...book.share, domain: this.ownBook(domain).domain.domain });
      this.#settle(book, "share");
    }
    if (book.holds.size + book.priorities.size === 0 || domain.kernel === undefined) return;
    if (book.domain.boot === bootOf(domain) && (book.domain.boot !== "" || isSameRun)) {
      if (book.priorities.size === 0 || domain.kernel.priorityOf !== undefined) this.#resume(book, domain);
    } else {
      this.#tell(book, "its guest was booted anew since");
      this.#settleTasks(book);
    }
  }

  #resume(book: DomainBook, domain: ManagedDomain): void {
    const number = this.ownBook(domain).domain.domain;
    const holds = [...book.holds.values()].map(({ record }) => record);
    const priorities = [...book.priorities.values()].map(({ record }) => record);
    this.log.info(
      {
        ...{ event: "journal-resumed", domain: domain.info.name, id: domain.info.id },
        ...{ holds: holds.length, priorities: priorities.length },
      },
      `takes over what a scheduler before this one left in ${domain.info.name}`,
    );
    domain.priorities.resume(priorities);
    for (const record of [...holds, ...priorities]) this.file.apply({ ...record, domain: number });
    if (holds.length > 0) this.#awaited.set(domain, new Map(holds.map(({ address }) => [address, 0])));
    this.#settleTasks(book);
  }

  #settle({ domain: { domain } }: DomainBook, what: "share" | "domain"): void {
    this.file.apply({ kind: "settled", domain, what });
  }

  #settleTasks({ domain: { domain }, holds, priorities }: DomainBook): void {
    for (const address of holds.keys()) this.file.apply({ kind: "settled", domain, what: "hold", address });
    for (const address of priorities.keys())
      this.file.apply({ kind: "settled", domain, what: "priority", address });
  }

  #close(book: DomainBook): void {
    this.#left.delete(book);
    this.#settle(book, "domain");
  }

  #tell({ domain: { name, uuid }, holds, priorities, share }: DomainBook, reason: string): void {
    const facts = { event: "journal-dropped", domain: name, uuid, reason };
    const left = { holds: holds.size, priorities: priorities.size, share: share !== undefined };
    this.log.warn({ ...facts, ...left }, `what a scheduler before this one left in ${name}: ${reason}`);
  }

  #forget(domain: ManagedDomain, address: number): void {
    const tasks = this.#awaited.get(domain);
    tasks?.delete(address);
    if (tasks?.size === 0) this.#awaited.delete(domain);
  }
}

function isEmpty({ holds, priorities, share }: DomainBook): boolean {
  return holds.size + priorities.size === 0 && share === undefined;
}

/** What stands in the guest decides: it may have let the task go, and the address may be another's by now. */
function adopt({ kernel }: ManagedDomain, { address, id, startTimeNs }: HoldRecord): void {
  try {
    kernel?.adopt?.([{ address, id, startTimeNs, hold: "holding" }]);
  } catch (error) {
    if (!isVmmschedError(error)) throw error;
  }
}

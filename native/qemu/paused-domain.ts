import { isVmmschedError, VmmschedError } from "../../core/errors.js";
import type { PausedDomain, VcpuContext } from "../../core/hypervisor.js";
import type { WritablePhysicalMemory } from "../../core/memory/physical-memory.js";
import { BoundMemory, goneError } from "./bound-memory.js";
import type { Connection } from "./connection.js";
import type { DomainRecord } from "./domain-record.js";

/** What a paused domain needs of the domain that it is. */
export interface PausedDomainParts {
  readonly connection: Connection;
  readonly record: DomainRecord;
  /** Takes over the resuming of the machine when it cannot be done here. */
  readonly owe: (connection: Connection) => void;
}

/**
 * The paused state of one domain: one object, used for every pause of it. QEMU's `stop` is not counted: a machine that stood
 * still before stays so, and one that somebody resumes meanwhile is not ours to write to any more (docs/adr/0011).
 */
export class QemuPausedDomain implements PausedDomain {
  readonly memory: WritablePhysicalMemory;
  readonly interrupt?: (apicId: number, vector: number) => void;
  readonly #parts: PausedDomainParts;
  #held = false;
  /** It was we that stopped it. */
  #owesResume = false;

  constructor(parts: PausedDomainParts) {
    this.#parts = parts;
    const { connection, record } = parts;
    this.memory = new BoundMemory(connection, record, () => this.#requireStill());
    const { qtest } = connection;
    if (qtest !== undefined)
      this.interrupt = (apicId, vector) => {
        this.#requireStill();
        qtest.injectMsi(apicId, vector);
      };
  }

  /** Throws ERR_DOMAIN_GONE when by then the machine was reset or has ended, and ERR_HYPERVISOR_CALL. */
  pause(): void {
    const { connection, record, owe } = this.#parts;
    if (this.#held) {
      throw new VmmschedError("ERR_TRANSACTION_STATE", `domain ${record.id} is paused by us already`, {
        domain: record.id,
      });
    }
    try {
      this.#owesResume = connection.stop();
    } catch (error) {
      // Nobody knows whether it will stop yet: one that does must not stay so.
      if (isVmmschedError(error) && connection.lost !== undefined) owe(connection);
      throw error;
    }
    this.#held = true;
    if (!record.gone && !record.ended) return;
    this[Symbol.dispose]();
    throw goneError(record);
  }

  disown(): void {
    this.#held = false;
    this.#owesResume = false;
  }

  vcpus(): readonly VcpuContext[] {
    this.#requireStill();
    return this.#parts.connection.vcpus();
  }

  /** Resumes it, unless somebody else stopped it, or has resumed it already. A machine that cannot be told to is owed it. */
  [Symbol.dispose](): void {
    if (!this.#held) return;
    this.#held = false;
    const owesResume = this.#owesResume;
    this.#owesResume = false;
    const { connection, record, owe } = this.#parts;
    connection.takeEvents();
    if (!owesResume || connection.running) return;
    try {
      connection.resume();
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
      if (connection.lost !== undefined) owe(connection);
      else if (!record.ended) throw error;
    }
  }

  /** Asked before each write: a reset, or somebody else's `cont`, may come at any time, and QEMU tells before the guest runs on. */
  #requireStill(): void {
    const { connection, record } = this.#parts;
    connection.takeEvents();
    if (record.gone || record.ended) throw goneError(record);
    if (this.#held && !connection.running) return;
    const why = this.#held ? "was resumed by somebody else" : "is not paused";
    throw new VmmschedError("ERR_TRANSACTION_STATE", `domain ${record.id} ${why}`, { domain: record.id });
  }
}

import type { Domain, DomainInfo, DomainShare, PausedDomain, VcpuContext } from "../../core/hypervisor.js";
import type { Frame } from "../../core/memory/address.js";
import type { PhysicalMemory } from "../../core/memory/physical-memory.js";
import { BoundMemory, goneError } from "./bound-memory.js";
import { callError } from "./call-error.js";
import type { Connection } from "./connection.js";
import type { DomainRecord } from "./domain-record.js";
import { QemuPausedDomain } from "./paused-domain.js";

/** One boot of a machine. */
export class QemuDomain implements Domain {
  readonly instance: string;
  readonly guardianName: string;
  readonly memory: PhysicalMemory;
  readonly canInterrupt: boolean;
  readonly #connection: Connection;
  readonly #record: DomainRecord;
  readonly #paused: QemuPausedDomain;
  readonly #onDispose: (domain: QemuDomain) => void;
  #closed = false;

  constructor(
    connection: Connection,
    owe: (connection: Connection) => void,
    onDispose: (domain: QemuDomain) => void,
  ) {
    const { record } = connection;
    this.#connection = connection;
    this.#record = record;
    // The numbers of domains are this process's own, and weight and cap those of the QEMU's cgroup.
    this.instance = `${connection.process.pid}.${connection.process.startTicks}`;
    this.guardianName = connection.guardianName;
    this.memory = new BoundMemory(connection, record, () => this.#refuseWrites());
    this.#paused = new QemuPausedDomain({ connection, record, owe });
    this.canInterrupt = connection.qtest !== undefined;
    this.#onDispose = onDispose;
  }

  get info(): DomainInfo {
    return this.#record;
  }

  vcpus(): readonly VcpuContext[] {
    this.#requireAlive();
    return this.#connection.vcpus();
  }

  prepareWrite(frame: Frame): void {
    this.#requireAlive();
    this.#connection.ram.ram.prepareWrite(frame);
  }

  /** Always the same object, so it must be disposed before the next pause. */
  pause(): PausedDomain {
    this.#requireAlive();
    this.#paused.pause();
    return this.#paused;
  }

  share(): DomainShare | undefined {
    this.#requireAlive();
    return this.#connection.share.get();
  }

  setShare(share: DomainShare): void {
    this.#requireAlive();
    this.#connection.share.set(share);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#paused[Symbol.dispose]();
    } finally {
      this.#onDispose(this);
    }
  }

  #requireAlive(): void {
    if (this.#closed) throw goneError(this.#record, "has been closed");
    this.#connection.takeEvents();
    if (this.#record.gone || this.#record.ended) throw goneError(this.#record);
  }

  #refuseWrites(): never {
    throw callError("write", this.#record.name, "only a paused domain is written to");
  }
}

import { VmmschedError } from "../../core/errors.js";
import type { Domain, DomainId, DomainInfo, Hypervisor } from "../../core/hypervisor.js";
import type { DomainRecord } from "./domain-record.js";
import { findMachines, type MachinePlaces, type MachineSockets } from "./machine-sockets.js";
import { Machine } from "./machine.js";
import { QemuDomain } from "./qemu-domain.js";

/** Directories are looked through this often. */
const searchEveryMs = 1000;
/** The first list waits for each machine's greeting: whoever looks only once must see them all. */
const firstPatienceMs = 1000;

/** QEMU and QEMU/KVM machines of this host, through their own QMP sockets and shared RAM. */
export class QemuHypervisor implements Hypervisor {
  readonly name = "qemu";
  readonly #places: MachinePlaces;
  #machines: readonly Machine[] = [];
  #records: readonly DomainRecord[] = [];
  readonly #open: QemuDomain[] = [];
  #lastId = 0;
  #nextSearchMs = 0;
  #patienceMs = firstPatienceMs;
  #closed = false;

  constructor(places: MachinePlaces) {
    this.#places = places;
  }

  /** What keeps machines from being seen, and what they cannot do; for the log and the doctor. */
  get notes(): readonly string[] {
    return this.#machines.flatMap(({ problem, connection }) => {
      if (connection === undefined) return problem === "" ? [] : [problem];
      const { record, noQtest } = connection;
      return noQtest === undefined ? [] : [`${record.name} takes no interrupts: ${noQtest}`];
    });
  }

  get machines(): readonly Machine[] {
    return this.#machines;
  }

  domains(): readonly DomainInfo[] {
    this.#requireOpen();
    const nowMs = performance.now();
    if (nowMs >= this.#nextSearchMs) {
      this.#nextSearchMs = nowMs + searchEveryMs;
      this.#search();
    }
    for (const machine of this.#machines) machine.update(nowMs, this.#patienceMs);
    this.#patienceMs = 0;
    if (!this.#sameRecords()) this.#replaceRecords();
    return this.#records;
  }

  open(id: DomainId): Domain {
    this.#requireOpen();
    const machine = this.#machineOf(id) ?? (this.domains(), this.#machineOf(id));
    const connection = machine?.connection;
    if (machine === undefined || connection === undefined)
      throw new VmmschedError("ERR_DOMAIN_GONE", `there is no domain ${id}`, { domain: id });
    const domain = new QemuDomain(
      connection,
      (lost) => machine.owe(lost),
      (closed) => this.#forget(closed),
    );
    this.#open.push(domain);
    return domain;
  }

  /** Closes every open domain too, so that none stays stopped. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    const errors: unknown[] = [];
    for (const held of [...this.#open, ...this.#machines]) {
      try {
        held[Symbol.dispose]();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  /** Machines that are connected stay, even if the file of their socket has gone. */
  #search(): void {
    const found = findMachines(this.#places);
    const known = new Map(this.#machines.map((machine) => [machine.sockets.qmp, machine]));
    if (found.length === known.size && found.every(({ qmp }) => known.has(qmp))) return;
    const machines = found.map((sockets) => known.get(sockets.qmp) ?? this.#newMachine(sockets));
    for (const machine of this.#machines) {
      if (machines.includes(machine)) continue;
      if (machine.connection === undefined) machine[Symbol.dispose]();
      else machines.push(machine);
    }
    this.#machines = machines;
  }

  #newMachine(sockets: MachineSockets): Machine {
    return new Machine(sockets, () => ++this.#lastId);
  }

  #sameRecords(): boolean {
    let count = 0;
    for (const { connection } of this.#machines) {
      if (connection === undefined || this.#isSecond(connection.process.pid, connection.record)) continue;
      count++;
      if (!this.#records.includes(connection.record)) return false;
    }
    return count === this.#records.length;
  }

  #replaceRecords(): void {
    const records: DomainRecord[] = [];
    for (const { connection } of this.#machines) {
      if (connection !== undefined && !this.#isSecond(connection.process.pid, connection.record))
        records.push(connection.record);
    }
    this.#records = records.sort((one, other) => one.id - other.id);
  }

  /** A machine with two sockets is one domain: that of the socket that comes first. */
  #isSecond(pid: number, record: DomainRecord): boolean {
    for (const { connection } of this.#machines) {
      if (connection?.record === record) return false;
      if (connection?.process.pid === pid) return true;
    }
    return false;
  }

  #machineOf(id: DomainId): Machine | undefined {
    return this.#machines.find(({ connection }) => connection?.record.id === id);
  }

  #forget(domain: QemuDomain): void {
    const index = this.#open.indexOf(domain);
    if (index >= 0) this.#open.splice(index, 1);
  }

  #requireOpen(): void {
    if (this.#closed)
      throw new VmmschedError("ERR_HYPERVISOR_UNAVAILABLE", "the connections to QEMU have been closed");
  }
}

import type { VcpuContext } from "../../core/hypervisor.js";
import { callError } from "./call-error.js";
import { DomainRecord } from "./domain-record.js";
import {
  findQtest,
  readMemoryBytes,
  readName,
  readProcess,
  readStatus,
  readUuid,
  statusIn,
  type QemuProcess,
} from "./machine-facts.js";
import { mapMachineRam, type MachineRam } from "./machine-ram.js";
import { MachineShare } from "./machine-share.js";
import type { MachineSockets } from "./machine-sockets.js";
import { qemuGuardianName } from "./payer.js";
import type { Qmp } from "./qmp.js";
import { Qtest } from "./qtest.js";
import { parseRegisters } from "./registers.js";
import { VcpuTime } from "./vcpu-time.js";

/** Events after which vCPUs or memory may be others than before. */
const shapeEvents = ["ACPI_DEVICE_OST", "DEVICE_DELETED", "MEMORY_DEVICE_SIZE_CHANGE"];

/** A machine that we are connected to: what it is, what it is doing, and its present boot. */
export class Connection implements Disposable {
  readonly process: QemuProcess;
  /** What the guardian finds the machine by. */
  readonly guardianName: string;
  readonly share: MachineShare;
  /** The socket that takes interrupts; undefined where there is none. */
  readonly qtest: Qtest | undefined;
  /** Why there is no {@link qtest} although one was named or found. */
  readonly noQtest: string | undefined;
  readonly #name: string;
  readonly #uuid: string;
  readonly #nextId: () => number;
  #ram: MachineRam;
  #time: VcpuTime;
  #record: DomainRecord;
  #running: boolean;
  #statusUnknown = false;
  #shapeUnknown = false;

  /** Takes over `qmp`, which has greeted, and `shareBefore` if it is the same machine's. Throws ERR_HYPERVISOR_CALL, ERR_HYPERVISOR_UNAVAILABLE, ERR_DOMAIN_GONE. */
  constructor(
    readonly qmp: Qmp,
    sockets: MachineSockets,
    nextId: () => number,
    shareBefore?: MachineShare,
  ) {
    this.#nextId = nextId;
    this.process = readProcess(qmp);
    this.guardianName = qemuGuardianName(sockets, this.process);
    this.#name = sockets.name ?? readName(qmp) ?? sockets.fallbackName;
    this.#uuid = readUuid(qmp, this.process);
    const { running, ended } = readStatus(qmp);
    this.#running = running;
    const memoryBytes = readMemoryBytes(qmp);
    const qtestPath = sockets.qtest ?? findQtest(qmp);
    const { pid, vcpuThreads, vcpuCount } = this.process;
    this.#ram = mapMachineRam(qmp, pid);
    // From here on nothing throws: what is mapped would stay so.
    this.#time = new VcpuTime(pid, vcpuThreads);
    this.share = MachineShare.of(qmp, this.process, this.#name, shareBefore);
    const qtest = qtestPath === undefined ? undefined : Qtest.tryOpen(qtestPath, this.#name);
    this.qtest = typeof qtest === "string" ? undefined : qtest;
    this.noQtest = typeof qtest === "string" ? qtest : undefined;
    this.#record = this.#newRecord(vcpuCount, memoryBytes);
    this.#record.ended = ended;
  }

  /** The present boot. */
  get record(): DomainRecord {
    return this.#record;
  }

  get ram(): MachineRam {
    return this.#ram;
  }

  /** Its vCPUs may run, by the last event. */
  get running(): boolean {
    return this.#running;
  }

  get lost(): string | undefined {
    return this.qmp.lost;
  }

  vcpus(): readonly VcpuContext[] {
    return parseRegisters(this.qmp.monitor("info registers -a"), this.qmp.path);
  }

  /** Takes notice of all that has happened so far. Costs a system call when that is nothing; never waits, never throws. */
  takeEvents(): void {
    for (let event = this.qmp.nextEvent(); event !== undefined; event = this.qmp.nextEvent()) {
      if (event.name === "RESET") this.#reset();
      else if (event.name === "STOP" || event.name === "SUSPEND") this.#halted();
      else if (event.name === "RESUME" || event.name === "WAKEUP") this.#running = true;
      else if (event.name === "SHUTDOWN") this.#record.ended = true;
      else if (event.name === "GUEST_PANICKED") this.#record.ended ||= event.data.action !== "run";
      else if (shapeEvents.includes(event.name)) this.#shapeUnknown = true;
    }
    if (this.lost !== undefined) this.#end();
  }

  /** Between two ticks: what events do not tell. Throws as the constructor. */
  update(): void {
    this.takeEvents();
    if (this.lost !== undefined) return;
    if (this.#statusUnknown) {
      this.#statusUnknown = false;
      const { running, ended } = readStatus(this.qmp);
      this.#running = running;
      if (ended) this.#record.ended = true;
    }
    if (this.#shapeUnknown) this.#readShape();
    this.share.settle();
    this.#record.cpuTimeNs = this.#time.totalNs();
    this.#record.paused = !this.#running;
  }

  /**
   * Stops the vCPUs unless they stand already. QEMU does not count stops, so who resumes is for the caller to remember: true when it was we
   * that stopped it. Throws ERR_HYPERVISOR_CALL and ERR_DOMAIN_GONE.
   */
  stop(): boolean {
    this.takeEvents();
    // `stop` would take from a machine that waits for its migration to come in that it runs afterwards.
    if (!this.running) return false;
    const [before] = this.qmp.executeBoth("query-status", "stop");
    const ours = statusIn(before, this.qmp).running;
    this.takeEvents();
    if (this.#running) {
      this.resume();
      throw callError("stop", this.qmp.path, "QEMU did not say that it stopped");
    }
    // The event was of our own doing.
    if (ours) this.#statusUnknown = false;
    return ours;
  }

  /** Throws as {@link stop}. */
  resume(): void {
    this.qmp.execute("cont");
    this.takeEvents();
  }

  [Symbol.dispose](): void {
    this.#end();
    this.qtest?.[Symbol.dispose]();
    this.#time[Symbol.dispose]();
    this.#ram.ram[Symbol.dispose]();
    this.qmp[Symbol.dispose]();
  }

  /** RAM stays, with what the old kernel left in it: whatever is bound to the old boot must not touch it any more. */
  #reset(): void {
    this.#end();
    this.#shapeUnknown = true;
    this.share.owe();
    this.#record = this.#newRecord(this.#record.vcpuCount, this.#record.memoryBytes);
  }

  #halted(): void {
    this.#running = false;
    this.#statusUnknown = true;
  }

  #end(): void {
    this.#record.ended = true;
    this.#record.gone = true;
  }

  #newRecord(vcpuCount: number, memoryBytes: number): DomainRecord {
    const record = new DomainRecord(this.#nextId(), this.#uuid, this.#name, vcpuCount, memoryBytes);
    record.paused = !this.#running;
    record.cpuTimeNs = this.#time.totalNs();
    return record;
  }

  #readShape(): void {
    this.#shapeUnknown = false;
    const { pid, vcpuThreads, vcpuCount } = readProcess(this.qmp);
    const ram = mapMachineRam(this.qmp, pid);
    this.#ram.ram[Symbol.dispose]();
    this.#ram = ram;
    this.#time[Symbol.dispose]();
    this.#time = new VcpuTime(pid, vcpuThreads);
    this.#record.vcpuCount = vcpuCount;
    this.#record.memoryBytes = readMemoryBytes(this.qmp);
  }
}

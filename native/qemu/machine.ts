import { isVmmschedError, type VmmschedError } from "../../core/errors.js";
import { Connection } from "./connection.js";
import { isAlive, readProcess, readStatus, type QemuProcess } from "./machine-facts.js";
import type { MachineShare } from "./machine-share.js";
import type { MachineSockets } from "./machine-sockets.js";
import { Qmp } from "./qmp.js";

/** What does not answer is tried again after this long. */
const retryMs = 1000;
/** Giving a pause back is worth waiting for: otherwise the machine stands until the next tick, or for ever. */
const settleMs = 1000;

/** One of the machines that we know a QMP socket of, there or not. It is connected to again and again. */
export class Machine implements Disposable {
  #connection: Connection | undefined;
  /** Connected, but QEMU has not greeted us: it serves another client. */
  #waiting: Qmp | undefined;
  #nextTryMs = 0;
  #problem = "";
  /** Of the last connection: a machine that is reached again is not taken to have from others what it had from us. */
  #share: MachineShare | undefined;
  /** A process that we stopped and could not resume before the connection was lost. */
  #owed: QemuProcess | undefined;

  constructor(
    readonly sockets: MachineSockets,
    private readonly nextId: () => number,
  ) {}

  /** Undefined where it cannot be reached: see {@link problem}. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Why there is no connection; empty while there is. */
  get problem(): string {
    return this.#connection === undefined ? this.#problem : "";
  }

  /** Between two ticks: connects if need be and learns what has happened. Waits for a greeting no longer than `patienceMs`; never throws what is expected. */
  update(nowMs: number, patienceMs: number): void {
    try {
      this.#connection?.update();
      if (this.#connection?.lost !== undefined) this.#disconnect(this.#connection.lost);
      if (this.#connection === undefined && nowMs >= this.#nextTryMs) this.#connect(patienceMs);
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
      this.#failed(error, nowMs);
    }
  }

  /** The machine of `connection` was stopped by us, and could not be resumed: from now on, until it has been. */
  owe(connection: Connection): void {
    this.#owed = connection.process;
    if (this.#connection === connection) this.#disconnect(connection.lost ?? "it did not answer");
    this.settle();
  }

  /** Resumes what we stopped and could not resume, if it can be reached. */
  settle(): void {
    if (this.#owed === undefined || this.#connection !== undefined) return;
    try {
      this.#connect(settleMs);
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
      this.#failed(error, performance.now());
    }
  }

  [Symbol.dispose](): void {
    this.settle();
    this.#disconnect("closed by us");
  }

  #connect(patienceMs: number): void {
    if (this.#owed !== undefined && !isAlive(this.#owed)) this.#owed = undefined;
    this.#waiting ??= Qmp.connect(this.sockets.qmp);
    if (!this.#waiting.greeted(patienceMs)) {
      this.#problem = `${this.sockets.qmp} does not greet us: QEMU serves one client at a time there, and has another`;
      return;
    }
    const qmp = this.#waiting;
    this.#payBack(qmp);
    this.#connection = new Connection(qmp, this.sockets, this.nextId, this.#share);
    this.#share = this.#connection.share;
    // Before anybody asks what it has.
    this.#share.settle();
    this.#waiting = undefined;
  }

  /** Only a machine that stands still: an administrator may have resumed it meanwhile. */
  #payBack(qmp: Qmp): void {
    const owed = this.#owed;
    if (owed === undefined) return;
    const { pid, startTicks } = readProcess(qmp);
    const { running, ended } = readStatus(qmp);
    if (pid === owed.pid && startTicks === owed.startTicks && !running && !ended) qmp.execute("cont");
    this.#owed = undefined;
  }

  #failed(error: VmmschedError, nowMs: number): void {
    this.#disconnect(error.message);
    this.#nextTryMs = nowMs + retryMs;
  }

  #disconnect(why: string): void {
    this.#problem = why;
    this.#connection?.[Symbol.dispose]();
    this.#connection = undefined;
    this.#waiting?.[Symbol.dispose]();
    this.#waiting = undefined;
  }
}

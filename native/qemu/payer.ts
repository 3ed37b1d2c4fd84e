import type { Payer, ReachedDomain } from "../../core/guardian/payer.js";
import { isAlive, readStatus, type QemuProcess } from "./machine-facts.js";
import type { MachineSockets } from "./machine-sockets.js";
import { Qmp } from "./qmp.js";

/** QEMU answers at once, unless it is ending disk writes; the guardian has other machines to look at. */
const answerMs = 300;

type Name = Pick<QemuProcess, "pid" | "startTicks"> & Pick<MachineSockets, "qmp" | "guardian">;

export function qemuGuardianName(
  { qmp, guardian }: MachineSockets,
  { pid, startTicks }: QemuProcess,
): string {
  const name: Name = { pid, startTicks, qmp, ...(guardian === undefined ? {} : { guardian }) };
  return JSON.stringify(name);
}

/**
 * Makes machines run again over their second QMP socket; where they have none, over the scheduler's own, which is free once that is
 * dead. It connects anew each time: a connection that nobody reads fills with the events of every pause.
 */
export class QemuPayer implements Payer {
  reach(text: string, dead: boolean): ReachedDomain | "gone" | undefined {
    const name = JSON.parse(text) as Name;
    if (!isAlive(name)) return "gone";
    const path = name.guardian ?? (dead ? name.qmp : undefined);
    if (path === undefined) return undefined;
    const qmp = Qmp.connect(path);
    try {
      if (qmp.greeted(answerMs)) return new ReachedMachine(qmp);
    } catch (error) {
      qmp[Symbol.dispose]();
      throw error;
    }
    qmp[Symbol.dispose]();
    return undefined;
  }

  [Symbol.dispose](): void {}
}

/** QEMU counts no stops: what runs needs nothing, and what has ended is not started. */
class ReachedMachine implements ReachedDomain {
  constructor(private readonly qmp: Qmp) {}

  paused(): boolean {
    const { running, ended } = readStatus(this.qmp);
    return !running && !ended;
  }

  unpause(): void {
    if (this.paused()) this.qmp.execute("cont", undefined, answerMs);
  }

  [Symbol.dispose](): void {
    this.qmp[Symbol.dispose]();
  }
}

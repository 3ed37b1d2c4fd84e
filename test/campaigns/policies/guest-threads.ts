import { LinuxMachine, WindowsMachine } from "../../../native/simulated/index.js";
import { JOBCTL_TRAP_FREEZE } from "../../../native/simulated/linux/constants.js";
import { task } from "../../../native/simulated/linux/offsets.js";
import type { Thread } from "../../../native/simulated/linux/thread.js";
import type { Program } from "../../../native/simulated/linux/workload.js";
import type { SimulatedDomain } from "../../../native/simulated/simulated-domain.js";
import { BreakOnTermination, threadState } from "../../../native/simulated/windows/constants.js";
import type { Execution } from "../../../native/simulated/windows/kernel.js";
import { cidOf, isOnProcessReadyList, processOf, stateOf } from "../../../native/simulated/windows/thread.js";
import type { WindowsProgram } from "../../../native/simulated/windows/workload.js";
import { isInTheMidst } from "./in-the-midst.js";

/** What the simulation keeps of a thread: its program, and what is left of the step under way. */
interface Played {
  readonly program: Program | WindowsProgram;
  remainingNs: number;
}

/** A thread as its machine knows it, whatever vmmsched believes. */
export interface GuestThread {
  /** Tells it from all other threads there have ever been. */
  readonly key: object;
  readonly domain: string;
  readonly os: "linux" | "windows";
  readonly pid: number;
  readonly tid: number;
  /** Of its process. */
  readonly name: string;
  /** A kernel thread, or of a process without which the guest stops. */
  readonly untouchable: boolean;
  /** It has been given a CPU, waits for one, or would if it were not held. */
  readonly wants: boolean;
  /** It stands where only a hold puts threads, or comes there before its program goes on, until somebody lets it go. */
  readonly held: boolean;
  /** It is in the guest's kernel. */
  readonly inKernel: boolean;
  /** A vCPU of its domain is in the midst of something, with locks held. */
  readonly besideLocks: boolean;
  /** Time that its program has got done since it was first seen here, in ns. No clock of the guest has to do with it. */
  readonly ranNs: number;
}

const initPid = 1;
const systemPid = 4;
const wanting: ReadonlySet<number> = new Set([
  threadState.Ready,
  threadState.Running,
  threadState.Standby,
  threadState.DeferredReady,
]);

/** Follows all threads of the host's guests, and counts what their programs have got done. */
export class GuestThreads {
  readonly #givenNs = new WeakMap<object, { ns: number }>();

  constructor(private readonly domains: readonly SimulatedDomain[]) {}

  /** All threads of user processes, as they stand now. */
  look(): readonly GuestThread[] {
    return this.domains.flatMap(({ name, machine }) => {
      if (machine instanceof LinuxMachine) return this.#linux(name, machine);
      return machine instanceof WindowsMachine ? this.#windows(name, machine) : [];
    });
  }

  #linux(domain: string, machine: LinuxMachine): GuestThread[] {
    const { kernel } = machine;
    const besideLocks = isInTheMidst(machine);
    return [...kernel.threads.values()]
      .filter((thread) => !thread.kernel && thread.pid !== 0 && thread.place !== "dead")
      .map((thread: Thread) => {
        const asleep = kernel.memory.u32(thread.va, task.state) !== 0;
        const trapped = (kernel.memory.u32(thread.va, task.jobctl) & JOBCTL_TRAP_FREEZE) !== 0;
        const held = trapped || (thread.place === "trap" && asleep);
        return {
          ...{ key: thread, domain, pid: thread.leader.pid, tid: thread.pid, name: thread.leader.comm, held },
          ...{ os: "linux" as const, besideLocks, untouchable: thread.leader.pid === initPid },
          wants: !asleep && !held,
          inKernel: thread.place !== "user",
          ranNs: this.#ranNs(thread),
        };
      });
  }

  #windows(domain: string, machine: WindowsMachine): GuestThread[] {
    const { kernel } = machine;
    const { memory, layout } = kernel;
    const besideLocks = isInTheMidst(machine);
    return [...kernel.executions]
      .filter(([thread, { place }]) => cidOf(kernel, thread) !== 0 && place !== "dead")
      .map(([thread, execution]: [number, Execution]) => {
        const process = processOf(kernel, thread);
        const pid = memory.s64(process, layout.eprocess.UniqueProcessId);
        const critical = (memory.u32(process, layout.eprocess.Flags) & BreakOnTermination) !== 0;
        const held = isOnProcessReadyList(kernel, thread);
        return {
          ...{ key: execution, domain, pid, tid: cidOf(kernel, thread), held, besideLocks },
          name: memory.text(process, layout.eprocess.ImageFileName, 15),
          os: "windows" as const,
          untouchable: pid === systemPid || critical,
          wants: !held && wanting.has(stateOf(kernel, thread)),
          inKernel: execution.place !== "user",
          ranNs: this.#ranNs(execution),
        };
      });
  }

  /** From the first look on, the program itself tells what it was given to do. */
  #ranNs(played: Played): number {
    const known = this.#givenNs.get(played);
    if (known !== undefined) return known.ns - played.remainingNs;
    const given = { ns: played.remainingNs };
    this.#givenNs.set(played, given);
    const { program } = played;
    const next = program.next.bind(program) as Program["next"];
    program.next = (nowNs, random) => {
      const step = next(nowNs, random);
      if (step.kind === "run" || step.kind === "system") given.ns += Math.max(1, Math.round(step.ns));
      return step;
    };
    return 0;
  }
}

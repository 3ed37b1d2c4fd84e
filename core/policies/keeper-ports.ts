import type { Log } from "../log.js";
import type { PackedState } from "./thread-messages.js";
import type { Patience, PolicyFault, PolicySpec, PolicyWorker, WorkerSettings } from "./policy-worker.js";
import type { BackOff } from "./restarts.js";

export interface KeeperTimes extends BackOff, Omit<Patience, "hangMs"> {
  /** A version that has answered this often in time has proven itself: it is what others fall back to. */
  readonly provenAfter: number;
  /** A version that has answered so often has its failures before forgiven. */
  readonly forgivenAfter: number;
}

export const usualTimes: KeeperTimes = {
  firstMs: 1_000,
  longestMs: 60_000,
  tries: 5,
  loadMs: 5_000,
  stateMs: 2_000,
  provenAfter: 20,
  forgivenAfter: 1_000,
};

export interface KeeperPorts {
  readonly settings: WorkerSettings;
  readonly log: Log;
  /** The set of active policies has changed: resolves when the cycle asks the new one. */
  readonly changed: () => Promise<void>;
  /** Keeps what is known of a fault; returns where. */
  readonly keepFault: (spec: PolicySpec, fault: PolicyFault) => string | undefined;
  /** A thread has made its state, from that of the one before if there is one. */
  readonly started?: (thread: PolicyWorker, previous: PackedState | undefined) => void;
  /** A policy that owes an answer for so long hangs. */
  readonly hangMs: number;
  readonly times?: Partial<KeeperTimes>;
}

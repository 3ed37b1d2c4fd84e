import type { HostBuffers } from "../snapshot/host-columns.js";
import type { ChannelBuffers } from "./channel.js";

/** A policy's state on its way to the next version: as v8.serialize wrote it, so that nobody between them unpacks it. */
export type PackedState = Uint8Array;

/** What a policy's thread is started with. */
export interface PolicyThreadData {
  readonly entryUrl: string;
  readonly options: unknown;
  readonly host: HostBuffers;
  readonly channel: ChannelBuffers;
  /** More than this, beyond what an empty policy needs, is too much. */
  readonly memoryMb: number;
  /** State of the version before, for the rehearsal. */
  readonly previous: PackedState | undefined;
}

/** To a policy's thread. */
export type ToPolicy =
  /** Make the state anew, from this one if there is one, and answer from now on. */
  | { readonly type: "start"; readonly previous: PackedState | undefined }
  /** Answer what is asked already, and hand out the state. */
  | { readonly type: "hand over" };

/** From a policy's thread. */
export type FromPolicy =
  /** What it begins to do. */
  | { readonly type: "stage"; readonly stage: Stage }
  /** Loaded and rehearsed. */
  | { readonly type: "ready" }
  | { readonly type: "started" }
  /** `generation`: of the snapshot that it answered last. */
  | {
      readonly type: "state";
      readonly state?: PackedState;
      readonly problem?: string;
      readonly generation: number;
    }
  | { readonly type: "console"; readonly level: ConsoleLevel; readonly text: string }
  | { readonly type: "fault"; readonly fault: FaultReport };

export type Stage = "import" | "init" | "rehearsal" | "decide";
export type ConsoleLevel = "info" | "warn" | "error";

/** What a policy's thread tells of its failure. */
export interface FaultReport {
  readonly message: string;
  readonly stack: string;
  /** While it was doing this. */
  readonly during: Stage | "memory";
  /** The snapshot that it was asked about, and the state it had then, where it can be copied. */
  readonly host?: HostBuffers;
  readonly state?: PackedState;
}

const types: readonly string[] = [
  "stage",
  "ready",
  "started",
  "state",
  "console",
  "fault",
] satisfies readonly FromPolicy["type"][];

/** Tells messages of our own code in the thread from whatever else may come out of it. */
export function isFromPolicy(message: unknown): message is FromPolicy {
  return (
    typeof message === "object" &&
    message !== null &&
    "type" in message &&
    typeof message.type === "string" &&
    types.includes(message.type)
  );
}

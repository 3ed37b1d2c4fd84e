import type { HostBuffers } from "../snapshot/host-columns.js";
import type { ChannelBuffers } from "./channel.js";

/** What a policy's thread is started with. */
export interface PolicyThreadData {
  readonly name: string;
  readonly entryUrl: string;
  readonly options: unknown;
  readonly host: HostBuffers;
  readonly channel: ChannelBuffers;
  /** State of the version before, for the rehearsal. */
  readonly previous: unknown;
}

/** To a policy's thread. */
export type ToPolicy =
  /** Make the state anew, from this one if there is one, and answer from now on. */
  | { readonly type: "start"; readonly previous: unknown }
  /** Hand out the state. */
  | { readonly type: "hand over" };

/** From a policy's thread. */
export type FromPolicy =
  /** Loaded and rehearsed. */
  | { readonly type: "ready" }
  | { readonly type: "started" }
  | { readonly type: "state"; readonly state: unknown; readonly problem?: string }
  | { readonly type: "console"; readonly level: "info" | "warn" | "error"; readonly text: string }
  | { readonly type: "fault"; readonly fault: FaultReport };

/** What a policy's thread tells of its failure. */
export interface FaultReport {
  readonly message: string;
  readonly stack: string;
  /** While it was doing this. */
  readonly during: "import" | "rehearsal" | "init" | "decide";
  /** The snapshot that it was asked about, and the state it had then, where it can be copied. */
  readonly host?: HostBuffers;
  readonly state?: unknown;
}

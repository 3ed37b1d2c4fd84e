import type { DomainShare } from "../hypervisor.js";

/** Something that was put right. */
export type UndoneChange =
  | {
      readonly what: "release";
      readonly domain: string;
      readonly pid: number;
      readonly tid: number;
      readonly name: string;
    }
  | {
      readonly what: "priority";
      readonly domain: string;
      readonly pid: number;
      readonly tid: number;
      readonly name: string;
      readonly from: number;
      readonly to: number;
    }
  | { readonly what: "share"; readonly domain: string; readonly from: DomainShare; readonly to: DomainShare };

/** What the journal told of a domain that is not there any more, or was booted anew: it has ended with that. */
export interface DroppedEntry {
  readonly domain: string;
  readonly uuid: string;
  readonly reason: string;
  readonly holds: number;
  readonly priorities: number;
  readonly share: boolean;
}

/** What could not be put right. */
export interface LeftEntry {
  readonly domain: string;
  readonly uuid: string;
  readonly what: "hold" | "priority" | "share";
  /** Of tasks. */
  readonly pid?: number;
  readonly tid?: number;
  readonly name?: string;
  readonly reason: string;
}

/** What `vmmsched recover --json` prints. */
export interface RecoveryReport {
  readonly schema: 1;
  /** Nothing is left. */
  readonly complete: boolean;
  readonly undone: readonly UndoneChange[];
  readonly dropped: readonly DroppedEntry[];
  readonly left: readonly LeftEntry[];
  readonly problems: readonly string[];
}

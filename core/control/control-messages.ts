import type { Config } from "../config/schema.js";
import type { Explanation } from "../cycle/explain/explanation.js";
import type { TrustReport } from "../cycle/trust.js";
import type { SchedulerStatus } from "../cycle/scheduler-status.js";
import type { LogFields, LogLevel } from "../log.js";
import type { ActivePolicy } from "../policies/worker-policies.js";
import type { ThreadFigures } from "./memory-figures.js";
import type { HostBuffers } from "../snapshot/host-columns.js";

/** What the control thread is started with. */
export interface ControlThreadData {
  readonly configFile: string;
  /** Of vmmsched. */
  readonly version: string;
  /** Those that come along: they are as trusted as vmmsched itself. */
  readonly bundledPlugins: readonly string[];
  /** Searched after those, and before what the configuration names. */
  readonly pluginDirectories: readonly string[];
}

/** A guest profile that is ready to be imported by the thread that reads guests. */
export interface ProfileToUse {
  readonly name: string;
  readonly version: string;
  /** Of code, layouts and options: the same hash is the same profile. */
  readonly hash: string;
  readonly entryUrl: string;
  readonly options: unknown;
  readonly layouts: ReadonlyMap<string, unknown>;
}

/** What the thread of the cycle serves: each between two ticks. */
export interface CycleThreadCalls {
  /** From the next tick on, these policies are asked. */
  usePolicies(active: readonly ActivePolicy[]): void;
  /** From the next tick on, these profiles are there. Returns why some cannot be; of those, the version before goes on. */
  useProfiles(profiles: readonly ProfileToUse[]): Promise<Readonly<Record<string, string>>>;
  /** Names of the domains that each profile manages. */
  managedDomains(): Readonly<Record<string, readonly string[]>>;
  /** Undefined before the first tick. */
  status(): { readonly status: SchedulerStatus; readonly figures: ThreadFigures } | undefined;
  /**
   * Why a domain, and a process in it, is as it is. Undefined before the first tick. Throws ERR_DOMAIN_UNKNOWN, ERR_DOMAIN_AMBIGUOUS
   * or ERR_PROCESS_UNKNOWN.
   */
  explain(domain: string, pid: string | undefined): Explanation | undefined;
  /** The operator trusts a domain in spite of what its guest complained of. Throws ERR_DOMAIN_UNKNOWN or ERR_DOMAIN_AMBIGUOUS. */
  trust(domain: string): TrustReport | undefined;
  /** Should every tick be sent with `frame`? */
  capture(on: boolean): void;
  log(level: Exclude<LogLevel, "silent">, fields: LogFields, message: string): void;
  [call: string]: (...args: never[]) => unknown;
}

/** What the control thread serves. */
export interface ControlThreadCalls {
  /** Reads and checks the configuration. Throws ERR_CONFIG_UNREADABLE, ERR_CONFIG_INVALID or ERR_UNSAFE_PERMISSIONS. */
  configure(): Config;
  /**
   * Reads and checks everything else, and starts the policies; they see the host in these buffers, which have room for the
   * configured number of tasks. Throws what is wrong with the plugins.
   */
  open(host: HostBuffers): Promise<void>;
  /** A tick, as core/record/frame.ts captures it; and why no more of them come. */
  frame(captured: ArrayBuffer): void;
  framesLost(why: string): void;
  close(): Promise<void>;
  [call: string]: (...args: never[]) => unknown;
}

import type { Readable } from "node:stream";
import type { LoadedConfig } from "../config/load.js";
import type { DriverName } from "../config/schema.js";
import type { RecoveryReport } from "../cycle/recovery-report.js";
import type { LoadedPolicy } from "../record/replay.js";
import type { DemoHost } from "./demo-host.js";
import type { HostReport } from "./host-report.js";
import type { ProfileReport } from "./profile-report.js";

/** What the commands need of the rest of the program; core/main.ts puts it together from concrete classes. */
export interface Composition {
  readonly version: string;
  /** Reads a configuration file, or takes the defaults. Throws ERR_CONFIG_UNREADABLE or ERR_CONFIG_INVALID. */
  config(file: string | undefined): Promise<LoadedConfig>;
  /**
   * Everything that `run` needs, not started yet. The configuration, its plugins and the hypervisor are checked here. A dry
   * run decides and tells, but pauses and writes nothing.
   */
  scheduler(configFile: string, options: { readonly dryRun: boolean }): Promise<Scheduler>;
  /** Looks at a host, through a driver or in an image of memory, without ever writing to it. */
  observe(config: LoadedConfig, at: DriverName | ImageSource): Promise<Observer>;
  /** Puts right what a dead scheduler left on the host. Throws ERR_SCHEDULER_RUNS. */
  recover(config: LoadedConfig): Promise<RecoveryReport>;
  /** Examines this machine for what `driver` needs. Changes nothing. */
  doctor(config: LoadedConfig, driver: DriverName): Promise<readonly Check[]>;
  /** A simulated host with a scheduler on it. */
  demoHost(): Promise<DemoHost>;
  /** Asks the running scheduler for a record: its bytes, until the stream is destroyed. Throws ERR_CONTROL_…. */
  record(at: SchedulerAddress): Promise<Readable>;
  /**
   * The layout of a kernel, for the guest profile of its kind. Throws ERR_IMAGE_… or ERR_SYMBOLS_…, ERR_GUEST_UNSUPPORTED or
   * ERR_LAYOUT_MEMBER_MISSING.
   */
  layout(source: LayoutSource): Promise<object>;
  /** Loads the policy in a folder, or the one of this name that comes along. Throws ERR_PLUGIN_INVALID. */
  policy(folderOrName: string): Promise<LoadedPolicy>;
}

/** What a layout is made of: a Linux kernel's ELF file, or published symbols of a Windows kernel and its version. */
export type LayoutSource =
  { readonly vmlinux: string } | { readonly symbols: string; readonly build?: string };

/** Where a running scheduler can be reached: its control socket, or the configuration file that says where that is. */
export interface SchedulerAddress {
  readonly socket?: string;
  readonly config?: string;
}

export interface Scheduler {
  /** Resolves when the first tick is under way. */
  start(): Promise<void>;
  /**
   * Ends the cycle and releases everything that is held. `fast` gives up waiting for tasks that cannot be released at
   * once; it may be called while a graceful stop is under way.
   */
  stop(mode: "graceful" | "fast"): Promise<void>;
  /** Resolves when the cycle has ended by a stop; rejects when it ended by an error. */
  readonly ended: Promise<void>;
}

/** A file that holds a machine's memory. */
export interface ImageSource {
  readonly image: string;
  /** Of raw RAM: how many bytes lie below the hole for devices. */
  readonly splitBytes?: number;
}

export interface Observer extends Disposable {
  look(): Promise<HostReport>;
  /** What the guest profiles found in each domain. */
  profiles(): Promise<ProfileReport>;
}

/** Something that vmmsched needs of this machine. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly found: string;
  /** The command, or the setting, that mends it. */
  readonly mend?: string;
}

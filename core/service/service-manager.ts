import { messageOf } from "../errors.js";
import type { Log } from "../log.js";

/** What a service manager is told of a scheduler. */
export interface ServiceManager extends Disposable {
  ready(): void;
  /** A tick went through, at this time of the host's clock. Not for a pause. */
  ticked(nowNs: number, status: () => string): void;
  stopping(): void;
}

/** Where messages go: see core/service/notify-socket.ts. */
export interface Messages extends Disposable {
  send(message: string): boolean;
}

const nobody: ServiceManager = { ready() {}, ticked() {}, stopping() {}, [Symbol.dispose]() {} };

/** A watchdog that wants a sign within so long gets one this many times as often: one may come late. */
const signsInTime = 4;
const statusEveryNs = 10e9;

/**
 * What systemd set up for this process by its environment (sd_notify(3), sd_watchdog_enabled(3)); without NOTIFY_SOCKET, one that
 * nobody hears. A socket that cannot be used is told in the log: scheduling does not depend on it.
 */
export async function serviceManager(
  environment: Readonly<Record<string, string | undefined>>,
  pid: number,
  log: Log,
): Promise<ServiceManager> {
  const path = environment.NOTIFY_SOCKET;
  if (path === undefined || path === "") return nobody;
  try {
    const { NotifySocket } = await import("./notify-socket.js");
    return new ToldManager(new NotifySocket(path), watchdogNs(environment, pid));
  } catch (error) {
    log.warn({ event: "service-manager-unreachable" }, messageOf(error));
    return nobody;
  }
}

/** Within which time the watchdog of this process wants a sign; undefined where there is none, or it is another's. */
export function watchdogNs(
  { WATCHDOG_USEC: usec, WATCHDOG_PID: of }: Readonly<Record<string, string | undefined>>,
  pid: number,
): number | undefined {
  const ns = Number(usec) * 1e3;
  return ns > 0 && Number.isFinite(ns) && (of === undefined || Number(of) === pid) ? ns : undefined;
}

/** It signs by ticks and by nothing else, so that a cycle that hangs is missed, whatever other threads do. */
export class ToldManager implements ServiceManager {
  #signedNs = Number.NEGATIVE_INFINITY;
  #statusNs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly messages: Messages,
    private readonly watchdogNs: number | undefined,
  ) {}

  ready(): void {
    this.messages.send("READY=1\nSTATUS=scheduling");
  }

  ticked(nowNs: number, status: () => string): void {
    if (this.watchdogNs !== undefined && nowNs - this.#signedNs >= this.watchdogNs / signsInTime) {
      // One that was not taken is sent again at the next tick.
      if (this.messages.send("WATCHDOG=1")) this.#signedNs = nowNs;
    }
    if (nowNs - this.#statusNs < statusEveryNs) return;
    this.#statusNs = nowNs;
    this.messages.send(`STATUS=${status()}`);
  }

  stopping(): void {
    this.messages.send("STOPPING=1\nSTATUS=letting everything go");
  }

  [Symbol.dispose](): void {
    this.messages[Symbol.dispose]();
  }
}

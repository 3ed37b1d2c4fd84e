import type { ManagedDomain } from "../cycle/managed-domain.js";
import type { Log, LogFields } from "../log.js";
import type { LostSay } from "./guarded-domain.js";

/** What the guard did in a tick, kept until it may be logged: domains may be paused meanwhile. */
export class GuardEvents {
  #pending: {
    readonly level: "info" | "warn";
    readonly fields: LogFields;
    readonly message: string;
  }[] = [];

  constructor(private readonly log: Log) {}

  /** A domain has lost its say, for another reason than before, or has it again. */
  say({ info: { name, id } }: ManagedDomain, lost: LostSay | undefined): void {
    const who = { domain: name, id };
    if (lost === undefined) {
      const message = `${name} has a say again`;
      this.#pending.push({ level: "info", fields: { event: "domain-trusted", ...who }, message });
      return;
    }
    const { reason, leftNs } = lost;
    const fields = { event: "domain-distrusted", ...who, reason, seconds: Math.round(leftNs / 1e9) };
    this.#pending.push({ level: "warn", fields, message: `${name} has no say: ${reason}` });
  }

  /** A process that has been held for as long as it may be runs for a while. */
  runSlot({ info }: ManagedDomain, pid: number, name: string): void {
    const fields = { event: "run-slot", domain: info.name, id: info.id, pid, name };
    this.#pending.push({ level: "info", fields, message: `${String(pid)} runs, after the longest hold` });
  }

  flush(): void {
    if (this.#pending.length === 0) return;
    for (const { level, fields, message } of this.#pending) this.log[level](fields, message);
    this.#pending = [];
  }
}

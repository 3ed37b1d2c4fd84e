import { isVmmschedError, type Complaint, type Finding } from "vmmsched/plugin-api";
import { isComplaint } from "./complaints.js";
import type { LinuxFacts } from "./facts.js";
import { KernelLog } from "./kernel-log.js";
import type { Liveness } from "./liveness.js";

/** CPU time for each vCPU in which the clock of a kernel that is well goes on, whatever it does. */
const deadClockNs = 3e9;

/** Asks whether the guest is well: its kernel's log, and its clock. */
export class Health {
  readonly #log: KernelLog | string;
  #said: Complaint[] = [];
  #clockStood = false;
  readonly #hear = (line: string) => {
    if (isComplaint(line)) this.#said.push({ source: "kernel log", text: line });
  };

  constructor(
    facts: LinuxFacts,
    private readonly liveness: Liveness | undefined,
  ) {
    this.#log = quietly(() => KernelLog.open(facts)) ?? "prb, or what it points to, cannot be read";
  }

  /** What has come up since the last call. */
  look(): readonly Complaint[] {
    const { liveness } = this;
    const log = this.#log;
    if (typeof log !== "string") quietly(() => log.readNew(this.#hear));
    const stands = liveness !== undefined && liveness.standstillNs >= deadClockNs;
    if (stands && !this.#clockStood)
      this.#said.push({ source: "clock", text: `its clock stands still, while it uses CPUs for seconds` });
    this.#clockStood = stands;
    if (this.#said.length === 0) return none;
    const said = this.#said;
    this.#said = [];
    return said;
  }

  /** What `profile show` tells of it. */
  finding(): Finding {
    const name = "kernel log";
    const log = this.#log;
    if (typeof log === "string")
      return { name, found: "none", certainty: "absent", because: `${log}; needed for health` };
    const lines = quietly(() => log.newest());
    if (lines === undefined)
      return {
        name,
        found: "none",
        certainty: "contradicted",
        because: "it cannot be read; needed for health",
      };
    const complaints = lines.filter(isComplaint);
    const last = complaints.at(-1);
    const found = `${String(complaints.length)} complaints in the newest ${String(lines.length)} lines`;
    return {
      name,
      found: last === undefined ? found : `${found}, the last: ${last.split("\n", 1)[0] ?? ""}`,
      certainty: lines.length > 0 ? "confirmed" : "read",
      because: lines.length > 0 ? "its records have the ids of their places" : "prb points to a ring",
    };
  }
}

const none: readonly Complaint[] = [];

/** Undefined where memory cannot be read. */
function quietly<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch (error) {
    if (
      isVmmschedError(error, "ERR_GUEST_PAGE_NOT_PRESENT") ||
      isVmmschedError(error, "ERR_FRAME_UNREADABLE")
    )
      return undefined;
    throw error;
  }
}

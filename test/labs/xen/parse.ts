/** One workload in a TICK line; times in clock ticks of 1/100 s, all threads summed. */
export interface Workload {
  readonly name: string;
  readonly pid: number;
  /** As in /proc/PID/stat, of the main thread; "-" if the process is gone. */
  readonly state: string;
  readonly utime: number;
  readonly stime: number;
}

export interface Tick {
  readonly n: number;
  /** CLOCK_REALTIME of the guest in seconds. */
  readonly realtime: number;
  readonly uptime: number;
  readonly workloads: readonly Workload[];
}

export interface Phase {
  readonly name: string;
  readonly busy: boolean;
  readonly realtime: number;
}

export interface Thread {
  readonly tid: number;
  readonly comm: string;
}

export interface Process {
  readonly pid: number;
  /** Start time in clock ticks since the guest's boot. */
  readonly start: number;
  readonly comm: string;
  readonly threads: readonly Thread[];
}

/** A whole listing of a guest's /proc. */
export interface ProcessListing {
  readonly sequence: number;
  /** When the reading of /proc began and ended, in the guest's CLOCK_REALTIME. */
  readonly began: number;
  readonly ended: number;
  readonly processes: readonly Process[];
}

/** Undoes the guest's %XX for blanks and separators in names. */
function name(text: string): string {
  return text.replaceAll(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

function workload(text: string): Workload | undefined {
  const match = /^([^:]+):(\d+):(.):utime=(\d+):stime=(\d+)$/.exec(text);
  if (match === null) return undefined;
  const [, comm = "", pid, state = "", utime, stime] = match;
  return { name: name(comm), pid: Number(pid), state, utime: Number(utime), stime: Number(stime) };
}

/** A TICK line; undefined for any other line and for one that a kernel message has cut in two. */
export function parseTick(line: string): Tick | undefined {
  const match = /^TICK n=(\d+) rt=([\d.]+) up=([\d.]+)((?: \S+)*)$/.exec(line);
  if (match === null) return undefined;
  const [, n, realtime, uptime, rest = ""] = match;
  const words = rest.split(" ").filter((word) => word !== "");
  const workloads = words.map(workload).filter((found) => found !== undefined);
  if (workloads.length !== words.length) return undefined;
  return { n: Number(n), realtime: Number(realtime), uptime: Number(uptime), workloads };
}

export function parsePhase(line: string): Phase | undefined {
  const match = /^PHASE (\S+) (busy|idle) rt=([\d.]+)$/.exec(line);
  if (match === null) return undefined;
  const [, who = "", phase, realtime] = match;
  return { name: who, busy: phase === "busy", realtime: Number(realtime) };
}

function process(line: string): Process | undefined {
  const match = /^PROC pid=(\d+) start=(\d+) comm=(\S*) tids=(\S*)$/.exec(line);
  if (match === null) return undefined;
  const [, pid, start, comm = "", tids = ""] = match;
  const threads = tids
    .split(",")
    .filter((entry) => entry !== "")
    .map((entry) => {
      // A name may itself contain "/", as kworker/0:1 does; a thread id cannot.
      const slash = entry.indexOf("/");
      return { tid: Number(entry.slice(0, slash)), comm: name(entry.slice(slash + 1)) };
    });
  return { pid: Number(pid), start: Number(start), comm: name(comm), threads };
}

/** Every complete and undamaged process listing in the lines of a console, in order. */
export function parseProcessListings(lines: readonly string[]): ProcessListing[] {
  const listings: ProcessListing[] = [];
  let open: { sequence: number; began: number; processes: Process[]; damaged: boolean } | undefined;
  for (const line of lines) {
    const edge = /^PROC (begin|end) seq=(\d+) rt=([\d.]+)$/.exec(line);
    if (edge === null) {
      const found = process(line);
      if (found !== undefined) open?.processes.push(found);
      else if (line.startsWith("PROC") && open !== undefined) open.damaged = true;
      continue;
    }
    const [, which, sequence, realtime] = edge;
    if (which === "begin") {
      open = { sequence: Number(sequence), began: Number(realtime), processes: [], damaged: false };
    } else {
      if (open !== undefined && open.sequence === Number(sequence) && !open.damaged) {
        const { sequence: number, began, processes } = open;
        listings.push({ sequence: number, began, ended: Number(realtime), processes });
      }
      open = undefined;
    }
  }
  return listings;
}

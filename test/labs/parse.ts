/**
 * One workload in a TICK line, all its threads summed; a workload with several threads is followed by one entry
 * for each further thread, under the thread's own name and id. Times in clock ticks of 1/100 s.
 */
export interface Workload {
  readonly name: string;
  readonly pid: number;
  /** As in /proc/PID/stat (a process: of its main thread); "-" if the process is gone. */
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
  /** Processes and threads that were ever started in the guest, by then. */
  readonly started: number;
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

function processLine(line: string): Process | undefined {
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
  let open:
    (Omit<ProcessListing, "ended" | "processes"> & { processes: Process[]; damaged: boolean }) | undefined;
  for (const line of lines) {
    const edge = /^PROC (begin|end) seq=(\d+) rt=([\d.]+)(?: started=(\d+))?$/.exec(line);
    if (edge === null) {
      const found = processLine(line);
      if (found !== undefined) open?.processes.push(found);
      else if (line.startsWith("PROC") && open !== undefined) open.damaged = true;
      continue;
    }
    const [, which, sequence, realtime, started] = edge;
    if (which === "begin") {
      open = {
        sequence: Number(sequence),
        began: Number(realtime),
        started: Number(started),
        processes: [],
        damaged: false,
      };
    } else {
      if (open?.sequence === Number(sequence) && !open.damaged)
        listings.push({
          sequence: open.sequence,
          began: open.began,
          ended: Number(realtime),
          started: open.started,
          processes: open.processes,
        });
      open = undefined;
    }
  }
  return listings;
}

/**
 * The name as it stands in the kernel's task_struct: /proc adds a worker's current queue ("kworker/0:1-events"; a rescuer's,
 * "kworker/R-netns" since 6.9, is its own name),
 * and shows the full name of a kernel thread, where the task has 15 characters.
 */
export function taskComm(comm: string): string {
  return (/^kworker\/(?!R-)[^-+]+/.exec(comm)?.[0] ?? comm).slice(0, 15);
}

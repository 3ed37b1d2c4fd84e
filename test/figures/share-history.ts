import { RecordReader } from "../../core/record/record-reader.js";
import { HostView } from "../../core/snapshot/host-view.js";

/** What one process did, tick by tick; `cpuNs` and `held` are of the interval that ends with the tick, and of the tick. */
export interface ProcessHistory {
  readonly pid: number;
  readonly name: string;
  readonly cpuNs: number[];
  /** Of its threads some stand, or are on their way there. */
  readonly held: boolean[];
}

export interface DomainHistory {
  readonly name: string;
  readonly vcpuCount: number;
  /** User processes, in the order in which they were met. */
  readonly processes: readonly ProcessHistory[];
}

/** CPU time of all processes over a recording. */
export interface ShareHistory {
  /** Since the first tick, in ns. */
  readonly timesNs: readonly number[];
  readonly intervalsNs: readonly number[];
  readonly domains: readonly DomainHistory[];
  /** Options of the policies that were asked, by name. */
  readonly options: ReadonlyMap<string, unknown>;
}

/**
 * Reads a record that `vmmsched record` has made. Where a guest accounts more to its processes than the hypervisor charged its
 * domain, as one does that does not know when its vCPUs were off their CPUs, all of them are scaled down to that. Throws ERR_RECORD_….
 */
export async function readHistory(file: string): Promise<ShareHistory> {
  await using reader = await RecordReader.open(file);
  const view = new HostView(reader.host);
  const timesNs: number[] = [];
  const intervalsNs: number[] = [];
  const options = new Map<string, unknown>();
  const domains = new Map<string, DomainHistory & { readonly byKey: Map<string, ProcessHistory> }>();
  for await (const item of reader.items()) {
    if (item.kind === "failure") continue;
    for (const [name, { started }] of item.answers)
      if (started !== undefined) options.set(name, started.options);
    const host = view.refresh();
    const at = timesNs.push(host.timeNs) - 1;
    intervalsNs.push(host.intervalNs);
    for (const { uuid, name, vcpuCount, processes, cpuTimeDeltaNs } of host.domains) {
      const accountedNs = processes.reduce((sum, process) => sum + Math.max(0, process.cpuTimeDeltaNs), 0);
      const truePart = accountedNs > cpuTimeDeltaNs ? cpuTimeDeltaNs / accountedNs : 1;
      const known = domains.get(uuid) ?? {
        name,
        vcpuCount,
        processes: [],
        byKey: new Map<string, ProcessHistory>(),
      };
      domains.set(uuid, known);
      for (const process of processes) {
        if (process.kernel) continue;
        const key = `${process.pid}/${process.name}`;
        const history = known.byKey.get(key) ?? begun(process, at);
        known.byKey.set(key, history);
        history.cpuNs[at] = truePart * Math.max(0, process.cpuTimeDeltaNs);
        history.held[at] = process.threads.some(({ hold }) => hold === "held" || hold === "holding");
      }
    }
  }
  const startNs = timesNs[0] ?? 0;
  return {
    timesNs: timesNs.map((ns) => ns - startNs),
    intervalsNs,
    options,
    domains: Array.from(domains.values(), ({ name, vcpuCount, byKey }) => {
      const processes = [...byKey.values()].map((process) => whole(process, timesNs.length));
      return { name, vcpuCount, processes };
    }),
  };
}

function begun({ pid, name }: { readonly pid: number; readonly name: string }, at: number): ProcessHistory {
  return { pid, name, cpuNs: Array<number>(at).fill(0), held: Array<boolean>(at).fill(false) };
}

/** Ticks that did not show it, it did nothing in. */
function whole({ cpuNs, held, ...rest }: ProcessHistory, count: number): ProcessHistory {
  return {
    ...rest,
    cpuNs: Array.from({ length: count }, (_, at) => cpuNs[at] ?? 0),
    held: Array.from({ length: count }, (_, at) => held[at] ?? false),
  };
}

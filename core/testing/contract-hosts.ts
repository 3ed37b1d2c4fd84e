import { holdStates, nameBytes, taskStates } from "../snapshot/task-columns.js";
import type { DomainSketch, HostSketch, ProcessSketch } from "./host.js";

const plainNames = ["web", "backup"];
const mostNames = 10;

/**
 * Names that these options may be about: every string in them, with the wildcards of patterns filled in. Hosts that
 * bear them give a policy something to do.
 */
export function namesIn(options: unknown): readonly string[] {
  const found = stringsIn(options).map((text) => text.replaceAll("*", "1").replaceAll("?", "x"));
  return [...new Set([...found.filter((name) => name !== ""), ...plainNames])].slice(0, mostNames);
}

function stringsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}

export const emptyHost: HostSketch = { domains: [] };

/** Nothing is known of the guests but the CPU time that the hypervisor charges. */
export function unmanagedHost(names: readonly string[]): HostSketch {
  return { domains: names.map((name, index) => ({ name, managed: false, cpuPercent: index * 20 })) };
}

/** Every state with every stage of a hold, in user processes, kernel threads and untouchable processes. */
export function hostOfEverything(names: readonly string[]): HostSketch {
  const processes = taskStates.flatMap((state) =>
    holdStates.flatMap((hold, index) => {
      const name = names[index % names.length] ?? "";
      const process: ProcessSketch = { name, state, hold, priority: 100 + 13 * index, cpuPercent: 3 };
      return [process, { ...process, kernel: true }, { ...process, untouchable: true, threads: 3 }];
    }),
  );
  return {
    domains: names.flatMap((name, index): readonly DomainSketch[] => [
      { name, processes },
      { name, uuid: `twin-${String(index)}`, paused: true, processes },
      { name, uuid: `unmanaged-${String(index)}`, managed: false, cpuPercent: 50 },
    ]),
  };
}

/** Names are bytes that guests choose: nothing, all values from 1 to 255, and what is special to JavaScript. */
export function hostOfOddNames(): HostSketch {
  const bytes = Array.from({ length: 255 }, (_, index) => String.fromCharCode(index + 1)).join("");
  const slices = Array.from({ length: Math.ceil(bytes.length / nameBytes) }, (_, index) =>
    bytes.slice(index * nameBytes, (index + 1) * nameBytes),
  );
  const names = ["", " ", "*", "[", "(", "\\", "__proto__", "constructor", "toString", ...slices];
  const processes = names.map((name): ProcessSketch => ({ name, state: "running", cpuPercent: 10 }));
  return { domains: names.map((name, index) => ({ name, uuid: `odd-${String(index)}`, processes })) };
}

export function pausedHost(names: readonly string[]): HostSketch {
  return { domains: busyDomains(names).map((domain) => ({ ...domain, paused: true })) };
}

export function busyHost(names: readonly string[]): HostSketch {
  return { domains: busyDomains(names) };
}

/** 5,000 tasks in 10 domains: 2 threads in each of 250 processes a domain. */
export function largeHost(names: readonly string[]): HostSketch {
  const nameOf = (index: number) => names[index % names.length] ?? "";
  return {
    domains: Array.from({ length: 10 }, (_, domain) => ({
      name: nameOf(domain),
      uuid: `large-${String(domain)}`,
      processes: Array.from({ length: 250 }, (_, index): ProcessSketch => ({
        name: nameOf(index),
        pid: 100 + 2 * index,
        threads: 2,
        state: taskStates[(domain + index) % taskStates.length] ?? "unknown",
        cpuPercent: index % 3,
      })),
    })),
  };
}

function busyDomains(names: readonly string[]): readonly DomainSketch[] {
  const processes = names.map((name): ProcessSketch => ({ name, state: "running", cpuPercent: 60 }));
  return names.map((name) => ({ name, processes }));
}

import { policyTable, type HostSketch, type ProcessSketch } from "../../../core/testing.js";
import idleOnly, { type Group, type Options } from "../../../plugins/idle-only/index.js";
import { defaults } from "./sketches.js";

const scan: ProcessSketch = { name: "scan", state: "running", cpuPercent: 100, pid: 50 };
const make: ProcessSketch = { name: "make", state: "running", cpuPercent: 50, pid: 60 };
const sleeping: ProcessSketch = { name: "make", pid: 60 };

const scans: Group = {
  name: "scans",
  processes: [{ domain: "*", process: "scan" }],
  children: true,
  runsWhile: { domains: "others" },
};
const options: Options = { ...defaults, groups: [scans] };

function group(changed: Partial<Group>): Partial<Options> {
  return { groups: [{ ...scans, ...changed }] };
}

/** A scan in `a`, this process beside it, and those in `b`. */
function beside(own: ProcessSketch, ...others: readonly ProcessSketch[]): HostSketch {
  return {
    domains: [
      { name: "a", processes: [scan, own] },
      { name: "b", processes: others },
    ],
  };
}

/** Ticks 100 ms apart, at which `b` is busy or not. */
function ticks(...busy: readonly (0 | 1)[]): readonly HostSketch[] {
  return busy.map((each, index) => ({
    ...beside(sleeping, each === 1 ? make : sleeping),
    timeMs: 1000 + 100 * index,
  }));
}

const held = ["a/scan"];

describe("groups of idle-only", () => {
  describe("run while", () => {
    policyTable(idleOnly, options, [
      ["all other domains are idle", beside(make, sleeping), []],
      ["all other domains are idle, which they are not", beside(sleeping, make), held],
      [
        "domains of these names are idle",
        beside(sleeping, make),
        [],
        group({ runsWhile: { domains: ["c*"] } }),
      ],
      [
        "domains of these names are idle, which they are not",
        beside(sleeping, make),
        held,
        group({ runsWhile: { domains: ["c", "b*"] } }),
      ],
      [
        "their own domain is idle, if it is named",
        beside(make, sleeping),
        held,
        group({ runsWhile: { domains: ["a"] } }),
      ],
      [
        "these processes are idle, whatever else runs",
        beside(sleeping, make),
        [],
        group({ runsWhile: { processes: [{ domain: "b", process: "httpd" }] } }),
      ],
      [
        "these processes are idle, which they are not",
        beside(sleeping, make),
        held,
        group({ runsWhile: { processes: [{ domain: "b", process: "m*" }] } }),
      ],
      [
        "these processes are idle, of which they are no obstacle to themselves",
        beside(sleeping, sleeping),
        [],
        group({ runsWhile: { processes: [{ domain: "*", process: "*" }] } }),
      ],
      [
        "the host is idle, which it is by its CPUs",
        { ...beside(make, make), cpuCount: 4 },
        [],
        group({ runsWhile: { hostCpuPercent: 25 } }),
      ],
      [
        "the host is idle, which it is not by its CPUs",
        { ...beside(make, make), cpuCount: 3 },
        held,
        group({ runsWhile: { hostCpuPercent: 25 } }),
      ],
      [
        "the host is idle, but for a domain that has no say",
        {
          cpuCount: 1,
          domains: [
            { name: "a", processes: [scan] },
            { name: "b", hasSay: false, processes: [make] },
          ],
        },
        [],
        group({ runsWhile: { hostCpuPercent: 25 } }),
      ],
      [
        "the processes are idle, but for those of a domain that has no say",
        {
          domains: [
            { name: "a", processes: [scan] },
            { name: "b", hasSay: false, processes: [make] },
          ],
        },
        [],
        group({ runsWhile: { processes: [{ domain: "*", process: "*" }] } }),
      ],
      [
        "all of several conditions hold, of which one does not",
        { ...beside(sleeping, make), cpuCount: 64 },
        held,
        group({ runsWhile: { hostCpuPercent: 25, domains: ["b"] } }),
      ],
      [
        "the processes of another group are idle: they are background to all domains, but not to who names them",
        {
          domains: [
            { name: "a", processes: [scan] },
            { name: "b", processes: [make] },
          ],
        },
        ["a/scan"],
        {
          groups: [
            { ...scans, name: "makes", processes: [{ domain: "b", process: "make" }] },
            { ...scans, runsWhile: { processes: [{ domain: "b", process: "make" }] } },
          ],
        },
      ],
      [
        "none of the processes that are named is in a paused domain: those do nothing",
        {
          domains: [
            { name: "a", processes: [scan] },
            { name: "b", paused: true, processes: [make] },
          ],
        },
        [],
        group({ runsWhile: { processes: [{ domain: "b", process: "make" }] } }),
      ],
    ]);
  });

  describe("keep rules of their own:", () => {
    const blocked = beside(sleeping, { name: "cp", state: "blocked" });
    const waiting = beside(sleeping, { name: "make", state: "queued" });
    policyTable(idleOnly, options, [
      ["a thread that waits for a CPU is work", waiting, held],
      ["a thread that waits for a CPU is none", waiting, [], { countWaiting: false }],
      ["a thread that waits for a CPU is none to one group", waiting, [], group({ countWaiting: false })],
      ["a thread that is blocked is no work", blocked, []],
      ["a thread that is blocked is work", blocked, held, { countBlocked: true }],
      ["a thread that is blocked is work to one group", blocked, held, group({ countBlocked: true })],
      [
        "what the guest says is no work, where the hypervisor judges",
        {
          domains: [
            { name: "a", processes: [scan] },
            { name: "b", cpuPercent: 3, processes: [make] },
          ],
        },
        [],
        group({ judgedBy: "hypervisor" }),
      ],
      [
        "what the hypervisor says is work, where it judges",
        {
          domains: [
            { name: "a", processes: [scan] },
            { name: "b", cpuPercent: 30, processes: [make] },
          ],
        },
        held,
        group({ judgedBy: "hypervisor", domainBusyTicks: 1 }),
      ],
      [
        "each its thresholds",
        beside(sleeping, { name: "make", cpuPercent: 8 }),
        [],
        group({ processCpuPercent: 8, domainCpuPercent: 8 }),
      ],
      [
        "each its domainCpuPercent",
        {
          domains: [
            { name: "a", processes: [scan] },
            { name: "b", cpuPercent: 9 },
          ],
        },
        held,
        group({ domainCpuPercent: 8, domainBusyTicks: 1 }),
      ],
      [
        "each its ticks",
        ticks(1, 1, 0, 0, 0),
        [[], held, held, held, []],
        group({ busyTicks: 2, idleTicks: 3 }),
      ],
      [
        "two groups in one domain, each its ticks",
        ticks(1, 1).map((each) => ({
          ...each,
          domains: each.domains.map((domain) => ({
            ...domain,
            processes: [...(domain.processes ?? []), { name: "index", pid: 70 }],
          })),
        })),
        [["a/index"], ["a/scan", "a/index"]],
        {
          groups: [
            { ...scans, busyTicks: 2 },
            { ...scans, name: "indexes", processes: [{ domain: "a", process: "index" }] },
          ],
        },
      ],
      [
        "a process in two groups is held by either, and wished once",
        ticks(1),
        [held],
        { groups: [scans, { ...scans, name: "again" }] },
      ],
    ]);
  });

  describe("run for minRunMs once they are let run", () => {
    policyTable(idleOnly, options, [
      [
        "whatever happens meanwhile",
        ticks(0, 1, 1, 1, 1),
        [[], [], [], held, held],
        group({ minRunMs: 300 }),
      ],
      [
        "counted from their release",
        ticks(0, 0, 1, 0, 1, 1, 1),
        [[], [], held, [], [], held, held],
        group({ minRunMs: 200 }),
      ],
    ]);
  });

  describe("that wait for maxWaitMs get a trickle", () => {
    const one = group({ maxWaitMs: 300, trickleMs: 100, tricklePeriodMs: 500 });
    policyTable(idleOnly, options, [
      [
        "of trickleMs in tricklePeriodMs",
        ticks(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
        [held, held, held, [], held, held, held, held, [], held, held, held, held, []],
        one,
      ],
      [
        "that is right in the mean where a tick is longer than trickleMs",
        ticks(...Array.from({ length: 22 }, () => 1 as const)),
        Array.from({ length: 22 }, (_, tick) => ([3, 13].includes(tick) ? [] : held)),
        group({ maxWaitMs: 300, trickleMs: 50, tricklePeriodMs: 500 }),
      ],
      [
        "that ends when they are let run, and begins after another wait",
        ticks(1, 1, 1, 1, 0, 1, 1, 1, 1),
        [held, held, held, [], [], held, held, held, []],
        one,
      ],
      [
        "that they pay for, but not for ever, where a tick is very late",
        [0, 300, 100_000, 100_300, 100_600, 101_100].map((timeMs) => ({ ...beside(sleeping, make), timeMs })),
        [held, [], held, held, held, []],
        one,
      ],
    ]);
  });

  describe("take in", () => {
    const quiet: HostSketch = { domains: [{ name: "b", processes: [make] }] };
    const among = (...processes: readonly ProcessSketch[]): HostSketch => ({
      domains: [{ name: "a", processes }, ...quiet.domains],
    });
    const backup = { name: "x", state: "running", cgroup: "/system.slice/backup.service", uid: 7 } as const;
    policyTable(idleOnly, options, [
      [
        "who is in a control group",
        among(backup, { ...backup, name: "y", cgroup: "/user.slice" }, { name: "z" }),
        ["a/x"],
        group({ processes: [{ domain: "*", process: "*", cgroup: "/system.slice/backup*" }] }),
      ],
      [
        "who runs as a user",
        among(backup, { ...backup, name: "y", uid: 8 }, { name: "z" }),
        ["a/x"],
        group({ processes: [{ domain: "*", process: "*", uid: 7 }] }),
      ],
      [
        "who was started as this",
        among({ ...backup, argv0: "/usr/bin/x" }, { ...backup, name: "y", argv0: "/bin/y" }, backup),
        ["a/x"],
        group({ processes: [{ domain: "*", process: "*", argv0: "/usr/*" }] }),
      ],
      [
        "children, whatever they are called, and their children",
        among({ name: "grandchild", parentPid: 9 }, { name: "child", pid: 9, parentPid: 50 }, scan),
        ["a/grandchild", "a/child", "a/scan"],
      ],
      [
        "no children",
        among({ name: "child", pid: 9, parentPid: 50 }, scan),
        ["a/scan"],
        group({ children: false }),
      ],
      [
        "nobody through init, or in a circle of parents",
        among(
          { ...scan, pid: 1, untouchable: true },
          { name: "sh", pid: 2, parentPid: 1 },
          { name: "x", pid: 3, parentPid: 4 },
          { name: "y", pid: 4, parentPid: 3 },
        ),
        [],
      ],
      [
        "who belonged to them under another name, as long as it lives",
        [among(scan), among({ ...scan, name: "cron" }), among({ ...scan, name: "cron", startTimeMs: 5 })],
        [held, ["a/cron"], []],
      ],
      [
        "children that another process has taken over since",
        [
          among(scan, { name: "child", pid: 9, parentPid: 50 }),
          among({ name: "child", pid: 9, parentPid: 1 }, { name: "init", pid: 1, untouchable: true }),
        ],
        [["a/scan", "a/child"], ["a/child"]],
      ],
      [
        "hidden processes, also beside a process of the same id",
        among({ ...scan, hidden: true }, { name: "sh", pid: 50, startTimeMs: 3 }),
        ["a/scan"],
      ],
      [
        "who could not be seen for a while",
        [
          among(scan),
          { domains: [{ name: "a", managed: false }, ...quiet.domains] },
          among({ ...scan, name: "cron" }),
        ],
        [held, [], ["a/cron"]],
      ],
    ]);
  });
});

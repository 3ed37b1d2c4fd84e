import assert from "node:assert/strict";
import { host, policyTable, testPolicy, type HostSketch } from "../../../core/testing.js";
import { startPolicy } from "../../../core/testing/policy-run.js";
import timeQuota from "../../../plugins/time-quota/index.js";
import { budget, job, jobs, limited, one, options, seen, ticks } from "./jobs.js";

describe("time-quota", () => {
  testPolicy(timeQuota, {
    options: {
      ...options,
      budgets: [jobs, { ...jobs, name: "own", sharing: "each", processes: [{ domain: "*", process: "*" }] }],
    },
    samples: job(0, 100, 100, 100, 0, 0, 0, 0, 0, 0, 0),
  });

  policyTable(timeQuota, options, [
    [
      "holds when the budget is used up, until the next period",
      job(0, 100, 100, 100, 0, 0, 0, 0, 0, 0, 0, 100),
      [[], [], [], one, one, one, one, one, one, one, [], []],
    ],
    [
      "holds a tick sooner when that misses the budget by less",
      job(0, 110, 110, 0, 0),
      [[], [], one, one, one],
      limited({ percent: 25 }),
    ],
    [
      "holds a tick later when that misses the budget by less",
      job(0, 90, 90, 90, 0),
      [[], [], [], one, one],
      limited({ percent: 23 }),
    ],
    [
      "carries a debt over",
      job(0, 360, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 100, 40),
      [[], one, one, one, one, one, one, one, one, one, [], [], one, one],
    ],
    [
      "carries over what was left because it had to be held",
      job(0, 280, 0, 0, 0, 0, 0, 0, 0, 0, 0, 160, 160),
      [[], one, one, one, one, one, one, one, one, one, [], [], one],
    ],
    [
      "lets a period's budget be used at any time in it, and then the next one's",
      job(0, 0, 0, 0, 0, 0, 0, 100, 100, 100, 0, 100, 100, 100, 0),
      [[], [], [], [], [], [], [], [], [], one, [], [], [], one, one],
    ],
    [
      "does not carry over what was not wanted",
      job(0, [1000, 0], [1100, 300], [1200, 0]),
      [[], [], one, one],
    ],
    [
      "carries over what was not wanted, up to burstMs",
      job(0, [5000, 0], [5100, 300], [5200, 150], [5300, 50]),
      [[], [], [], [], one],
      limited({ burstMs: 200 }),
    ],
    [
      "takes the length of a period from periodMs",
      job(0, 100, 0, 0, 100, 0, 0),
      [[], one, one, [], one, one, []],
      limited({ percent: 33.4, periodMs: 300 }),
    ],
    [
      "keeps to all limits",
      job(0, 100, 100, 0, 100, 100, 0, 0, 0),
      [[], [], one, [], [], one, one, one, one],
      limited({ percent: 66.7, periodMs: 300 }, { percent: 40, periodMs: 1000 }),
    ],
    [
      "adds up what is shared, over all domains, and holds all of them",
      ticks(
        { "a/job1": 0, "b/job2": 0 },
        { "a/job1": 100, "b/job2": 100 },
        { "a/job1": 0, "b/job2": 100, "b/sh": 100 },
      ),
      [[], [], ["a/job1", "b/job2"]],
    ],
    [
      "gives each its own",
      ticks(
        { "a/job1": 0, "b/job2": 0 },
        { "a/job1": 100, "b/job2": 100 },
        { "a/job1": 100, "b/job2": 0 },
        { "a/job1": 100, "b/job2": 100 },
        { "a/job1": 0, "b/job2": 100 },
      ),
      [[], [], [], ["a/job1"], ["a/job1", "b/job2"]],
      budget({ sharing: "each" }),
    ],
    [
      "still counts what those who are gone have used of what is shared",
      ticks({ "a/job1": 0 }, { "a/job1": 200 }, { "a/sh": 0 }, { "a/job2": 100 }),
      [[], [], [], ["a/job2"]],
    ],
    [
      "lets a process that comes begin anew, where each has its own",
      ticks({ "a/job1": 0 }, { "a/job1": 300 }, { "a/job1": 0, "a/job2": 100 }, { "a/job2": 100 }),
      [[], ["a/job1"], ["a/job1"], []],
      budget({ sharing: "each" }),
    ],
    [
      "knows the processes of different domains apart, and what is not meant",
      ticks({ "a/job1": 0, "b/job1": 0, "b/sh": 0 }, { "a/job1": 300, "b/job1": 200, "b/sh": 900 }),
      [[], ["a/job1"]],
      budget({ sharing: "each", processes: [{ domain: "?", process: "job1" }] }),
    ],
    [
      "lets the strictest of several budgets count, and wishes each process once",
      ticks({ "a/job1": 0, "a/job2": 0 }, { "a/job1": 100, "a/job2": 0 }, { "a/job1": 200, "a/job2": 0 }),
      [[], ["a/job1"], ["a/job1", "a/job2"]],
      {
        budgets: [
          jobs,
          {
            ...jobs,
            processes: [{ domain: "a", process: "job1" }],
            limits: [{ percent: 10, percentOf: "cpu", periodMs: 1000, burstMs: 0 }],
          },
        ],
      },
    ],
    [
      "forgives the debt that takes longer than maxWaitMs to pay",
      job(0, 1e7, 0, [3000, 0], [3100, 0], [4000, 0]),
      [[], one, one, one, one, []],
      { maxWaitMs: 3000 },
    ],
    [
      "lets a process with many threads run all the same, however small its share is",
      job(0, 6400, 0, [4900, 0], [9000, 0]).map(withThreads),
      [[], one, one, one, []],
      { ...limited({ percent: 1 }), maxWaitMs: 4000 },
    ],
    [
      "takes percentOf host as a share of all its CPUs",
      job(0, 100, 100, 100, 0, 0, 0, 0, 0, 0, 0).map((sketch) => ({ ...sketch, cpuCount: 2 })),
      [[], [], [], one, one, one, one, one, one, one, []],
      limited({ percent: 15, percentOf: "host" }),
    ],
    [
      "counts a limit in its hours only, on their days",
      // 2026-02-27 is a Friday.
      ["26T23:59", "27T21:59", "27T22:00", "28T05:59", "28T06:00", "28T22:00"].map((time, index) => ({
        ...(job(0, 900, 900, 900, 900, 900)[index] ?? seen(0, 0)),
        localTime: `2026-02-${time}`,
        utcOffsetMinutes: 330,
      })),
      [[], [], one, one, [], []],
      limited({ when: [{ from: "22:00", to: "06:00", days: ["fri"] }] }),
    ],
    [
      "charges nothing outside of the hours of a limit, and pays debts there",
      [
        ["21:00", 0, 900],
        ["22:00", 100, 0],
        ["22:01", 200, 900],
        ["06:00", 300, 0],
        ["06:01", 5300, 0],
        ["22:02", 5400, 0],
      ].map(([time, timeMs, cpuPercent]) => ({
        ...seen(Number(timeMs), Number(cpuPercent), Number(cpuPercent)),
        localTime: `2026-02-27T${String(time)}`,
      })),
      [[], [], one, [], [], []],
      limited({ when: [{ from: "22:00", to: "06:00", days: ["thu", "fri"] }] }),
    ],
    [
      "takes the strictest of the limits whose hours it is",
      job(0, 200, 0).map((sketch, index) => ({ ...sketch, localTime: `2026-02-27T0${String(index)}:00` })),
      [[], one, []],
      limited({ percent: 60 }, { percent: 10, when: [{ from: "01:00", to: "02:00", days: ["fri"] }] }),
    ],
    [
      "lets children spend with who started them, whatever they are called, and after that one has gone",
      [
        family(0, { job: 0, child: 0, sh: 0 }),
        family(100, { job: 100, child: 200, sh: 900 }),
        family(200, { child: 0, sh: 900 }),
      ],
      [[], ["a/job1", "a/child"], ["a/child"]],
    ],
    [
      "gives a process and its children one budget of their own, where each has its own",
      [family(0, { job: 0, child: 0, sh: 0 }), family(100, { job: 100, child: 200, sh: 900 })],
      [[], ["a/job1", "a/child"]],
      budget({ sharing: "each" }),
    ],
    [
      "gives children their own where they do not spend with their parents",
      [family(0, { job: 0, child: 0, sh: 0 }), family(100, { job: 100, child: 300, sh: 900 })],
      [[], ["a/child", "a/sh"]],
      budget({ sharing: "each", children: false, processes: [{ domain: "*", process: "*" }] }),
    ],
    [
      "has budgets for a control group, a user, a first argument",
      [0, 900].map((cpuMs) => ({
        timeMs: cpuMs,
        domains: [
          {
            name: "a",
            processes: [
              { name: "x", cgroup: "/backup.slice/x", uid: 7, argv0: "/bin/x" },
              { name: "y", cgroup: "/backup.slice/y", uid: 8, argv0: "/bin/y" },
              { name: "z", cgroup: "/user.slice", uid: 7 },
              { name: "w" },
            ].map((process, index) => ({ ...process, cpuMs, cpuPercent: cpuMs, pid: 10 + index })),
          },
        ],
      })),
      [[], ["a/x", "a/z"]],
      {
        budgets: [
          { ...jobs, processes: [{ domain: "*", process: "*", cgroup: "/backup*", argv0: "*x" }] },
          { ...jobs, name: "user", processes: [{ domain: "*", process: "z", uid: 7 }] },
          { ...jobs, name: "nobody", processes: [{ domain: "*", process: "w", uid: 0 }] },
        ],
      },
    ],
    [
      "takes off what the guest charged for our pauses, which the hypervisor did not",
      [seen(0, 0), paused(100, { usedMs: 40, chargedMs: 20, pausedMs: 25 })],
      [[], []],
      limited({ percent: 4, burstMs: 0 }),
    ],
    [
      "takes off no more than that, whatever else the guest charges",
      [seen(0, 0), paused(100, { usedMs: 52, chargedMs: 30, pausedMs: 2 })],
      [[], one],
      limited({ percent: 4, burstMs: 0 }),
    ],
    [
      "takes off nothing where the guest knows of pauses",
      [seen(0, 0), paused(100, { usedMs: 40, chargedMs: 40, pausedMs: 25 })],
      [[], one],
      limited({ percent: 4, burstMs: 0 }),
    ],
    [
      "gives no credit for CPU time that runs backwards",
      [seen(0, 1000), seen(100, 1400, 400), seen(200, 0, -1400), seen(300, 0)],
      [[], one, one, one],
    ],
    [
      "never wishes kernel threads or untouchable processes, and does not charge them",
      [
        seen(0, 0),
        seen(100, 900, 900, { kernel: true }),
        seen(200, 1800, 900, { untouchable: true }),
        seen(300, 1800),
      ],
      [[], [], [], []],
    ],
  ]);

  it("says which budget and which limit it is", () => {
    const run = startPolicy(timeQuota, options);
    const reasons = job(0, 400).map((sketch) => run.decide(host(sketch)).map(({ reason }) => reason));
    assert.deepEqual(reasons, [[], ["jobs: 30 % in 1000 ms are used up"]]);
  });
});

/** A job, its child and a process that is not related, each having used so many percent of a CPU. */
function family(
  timeMs: number,
  uses: Readonly<Record<"child" | "sh", number>> & { job?: number },
): HostSketch {
  const { job, child, sh } = uses;
  const gone = job === undefined;
  return {
    timeMs,
    domains: [
      {
        name: "a",
        processes: [
          ...(gone ? [] : [{ name: "job1", pid: 10, cpuPercent: job, cpuMs: job }]),
          { name: "child", pid: 20, cpuPercent: child, cpuMs: child, parentPid: gone ? 1 : 10 },
          { name: "sh", pid: 30, cpuPercent: sh, cpuMs: sh, parentPid: 1 },
        ],
      },
    ],
  };
}

/** The job after an interval of 100 ms, with what its guest and the hypervisor say, and how long we paused it. */
function paused(
  timeMs: number,
  { usedMs, chargedMs, pausedMs }: { usedMs: number; chargedMs: number; pausedMs: number },
): HostSketch {
  const { domains } = seen(timeMs, usedMs, usedMs);
  return { timeMs, domains: domains.map((domain) => ({ ...domain, cpuPercent: chargedMs, pausedMs })) };
}

function withThreads(sketch: HostSketch): HostSketch {
  const domains = sketch.domains.map((domain) => ({
    ...domain,
    processes: domain.processes?.map((process) => ({ ...process, threads: 64 })) ?? [],
  }));
  return { ...sketch, domains };
}

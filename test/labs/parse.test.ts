import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { parsePhase, parseProcessListings, parseTick, taskComm } from "./parse.js";

describe("lab console: TICK", () => {
  it("gives every workload its times", () => {
    const line = "TICK n=3 rt=1795391992.523593 up=50.60 bg:112:R:utime=216:stime=1 t:113:S:utime=9:stime=0";
    assert.deepEqual(parseTick(line), {
      n: 3,
      realtime: 1795391992.523593,
      uptime: 50.6,
      workloads: [
        { name: "bg", pid: 112, state: "R", utime: 216, stime: 1 },
        { name: "t", pid: 113, state: "S", utime: 9, stime: 0 },
      ],
    });
  });

  const others: readonly (readonly [what: string, line: string])[] = [
    ["another line", "PHASE al busy rt=1.0"],
    ["one cut by a kernel message", "TICK n=3 rt=17953[   50.1] clocksource: unstable"],
    ["a damaged workload", "TICK n=3 rt=1.5 up=2.0 bg:112:R:uti"],
  ];
  for (const [what, line] of others)
    it(`does not take ${what}`, () => assert.equal(parseTick(line), undefined));

  it("takes a guest without workloads", () =>
    assert.deepEqual(parseTick("TICK n=0 rt=1.5 up=2.0")?.workloads, []));
});

describe("lab console: PHASE", () => {
  it("tells busy from idle", () => {
    assert.deepEqual(parsePhase("PHASE al busy rt=12.500000"), { name: "al", busy: true, realtime: 12.5 });
    assert.deepEqual(parsePhase("PHASE al idle rt=13.000000"), { name: "al", busy: false, realtime: 13 });
    assert.equal(parsePhase("PHASE al away rt=13.000000"), undefined);
  });
});

describe("lab console: PROC", () => {
  const listing = [
    "PROC begin seq=7 rt=10.000000 started=321",
    "PROC pid=14 start=208 comm=kworker/0%3A1-events tids=14/kworker/0%3A1-events",
    "PHASE al busy rt=10.05",
    "PROC pid=113 start=5672 comm=t tids=113/t,114/t-0,115/a%20b%2Cc",
    "PROC end seq=7 rt=10.250000",
  ];

  it("gathers the processes of a listing, whatever stands between its lines", () => {
    assert.deepEqual(parseProcessListings(listing), [
      {
        sequence: 7,
        began: 10,
        ended: 10.25,
        started: 321,
        processes: [
          {
            pid: 14,
            start: 208,
            comm: "kworker/0:1-events",
            threads: [{ tid: 14, comm: "kworker/0:1-events" }],
          },
          {
            pid: 113,
            start: 5672,
            comm: "t",
            threads: [
              { tid: 113, comm: "t" },
              { tid: 114, comm: "t-0" },
              { tid: 115, comm: "a b,c" },
            ],
          },
        ],
      },
    ]);
  });

  const incomplete: readonly (readonly [what: string, lines: readonly string[]])[] = [
    ["without a beginning", listing.slice(1)],
    ["without an end", listing.slice(0, -1)],
    ["with a damaged line", [...listing.slice(0, 1), "PROC pid=1[ 12.0] BUG: ", ...listing.slice(1)]],
    ["whose end belongs to another", [...listing.slice(0, -1), "PROC end seq=8 rt=10.3"]],
  ];
  for (const [what, lines] of incomplete)
    it(`leaves out a listing ${what}`, () => assert.deepEqual(parseProcessListings(lines), []));
});

describe("taskComm", () => {
  const names: readonly (readonly [proc: string, task: string])[] = [
    ["kworker/0:1-events", "kworker/0:1"],
    ["kworker/u2:0+flush", "kworker/u2:0"],
    ["kworker/R-kvfree_rcu_reclaim", "kworker/R-kvfre"],
    ["rcu_tasks_rude_kthread", "rcu_tasks_rude_"],
    ["burn-a", "burn-a"],
  ];
  for (const [proc, task] of names) it(`knows ${proc} as ${task}`, () => assert.equal(taskComm(proc), task));
});

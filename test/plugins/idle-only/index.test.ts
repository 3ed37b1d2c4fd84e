import assert from "node:assert/strict";
import {
  host,
  policyTable,
  testPolicy,
  wished,
  wishedInTurn,
  type DomainSketch,
  type HostSketch,
  type ProcessSketch,
} from "../../../core/testing.js";
import idleOnly, { type Options } from "../../../plugins/idle-only/index.js";
import { defaults } from "./sketches.js";

const options: Options = {
  ...defaults,
  background: [{ domain: "pv1", process: "burn-*" }],
  ignore: [{ domain: "*", process: "cron" }],
  domainBusyTicks: 1,
};

const burn: ProcessSketch = { name: "burn-1", state: "running", cpuPercent: 100, threads: 2 };
const home: DomainSketch = { name: "pv1", processes: [burn] };
const shell: ProcessSketch = { name: "sh" };

function with_(...others: readonly DomainSketch[]): HostSketch {
  return { domains: [home, ...others] };
}

const busy = with_({ name: "pv2", processes: [{ name: "make", state: "running", cpuPercent: 90 }] });
const idle = with_({ name: "pv2", processes: [shell] });

const hidden = with_({ name: "pv2", cpuPercent: 60, processes: [shell] });
const both: HostSketch = { domains: [home, { name: "pv2", processes: [{ ...burn, name: "burn-2" }] }] };
const hold = ["pv1/burn-1"];

describe("idle-only", () => {
  testPolicy(idleOnly, { options, samples: [busy, idle, hidden, both] });

  policyTable(idleOnly, options, [
    ["lets run when the others are idle", idle, []],
    ["lets run when there are no others", with_(), []],
    ["holds when a process runs elsewhere", busy, hold],
    [
      "lets run when who is busy has no say",
      with_({
        name: "pv2",
        hasSay: false,
        processes: [{ name: "make", state: "running", cpuPercent: 90 }],
      }),
      [],
    ],
    [
      "holds in a domain that has no say as in any other",
      { domains: [{ ...home, hasSay: false }, ...busy.domains.slice(1)] },
      hold,
    ],
    [
      "holds when a process waits for a CPU elsewhere",
      with_({ name: "pv2", processes: [{ name: "make", state: "queued" }] }),
      hold,
    ],
    [
      "holds when a process sleeps now but ran in the interval",
      with_({ name: "pv2", processes: [{ name: "httpd", cpuPercent: 6 }] }),
      hold,
    ],
    [
      "lets run when a process ran for less than the threshold",
      with_({ name: "pv2", processes: [{ name: "httpd", cpuPercent: 5 }] }),
      [],
    ],
    [
      "lets run when only an ignored daemon runs",
      with_({ name: "pv2", processes: [{ name: "cron", state: "running", cpuPercent: 50 }] }),
      [],
    ],
    [
      "lets run when only a kernel thread is queued",
      with_({ name: "pv2", processes: [{ name: "kswapd0", kernel: true, state: "queued" }] }),
      [],
    ],
    [
      "holds when kernel threads burn CPU",
      with_({ name: "pv2", processes: [{ name: "kswapd0", kernel: true, cpuPercent: 30 }] }),
      hold,
    ],
    [
      "holds when the hypervisor saw work that the guest does not show",
      with_({ name: "pv2", cpuPercent: 11, processes: [shell] }),
      hold,
    ],
    ["holds when an unmanaged domain works", with_({ name: "bsd", managed: false, cpuPercent: 50 }), hold],
    ["lets run when an unmanaged domain is idle", with_({ name: "bsd", managed: false, cpuPercent: 2 }), []],
    [
      "lets run when a domain with work is paused",
      { domains: [home, { ...busy.domains[1], name: "pv2", paused: true }] },
      [],
    ],
    [
      "lets run when only their own domain works",
      { domains: [{ name: "pv1", processes: [burn, { name: "make", state: "running" }] }] },
      [],
    ],
    [
      "never wishes kernel threads or untouchable processes, whatever the pattern",
      {
        domains: [
          {
            name: "pv1",
            processes: [{ name: "init", untouchable: true }, { name: "kthreadd", kernel: true }, shell],
          },
          ...busy.domains.slice(1),
        ],
      },
      ["pv1/sh"],
      { background: [{ domain: "*1", process: "*" }] },
    ],
    [
      "does not let the background of one domain keep the background of another from running",
      both,
      [],
      { background: [{ domain: "pv?", process: "burn-*" }] },
    ],
    [
      "holds the background of every domain while a third one is busy",
      { domains: [...both.domains, { name: "pv3", processes: [{ name: "make", state: "running" }] }] },
      ["pv1/burn-1", "pv2/burn-2"],
      { background: [{ domain: "*", process: "burn-*" }] },
    ],
    [
      "holds after busyTicks busy ticks in a row",
      [busy, idle, busy, busy, busy],
      [[], [], [], hold, hold],
      { busyTicks: 2 },
    ],
    [
      "releases after idleTicks idle ticks in a row",
      [busy, idle, busy, idle, idle, idle],
      [hold, hold, hold, hold, [], []],
      { idleTicks: 2 },
    ],
    [
      "holds for work that the guest does not show only after domainBusyTicks ticks of it",
      [hidden, hidden, idle, hidden, hidden, hidden, idle],
      [[], [], [], [], [], hold, []],
      { domainBusyTicks: 3 },
    ],
    ["leaves a running process alone at the first snapshot", [{ ...busy, intervalMs: 0 }, busy], [[], hold]],
  ]);

  it("wishes processes, with all their threads, and leaves what is not background alone", () => {
    const sketch = with_({ name: "pv2", processes: [{ name: "burn-2", state: "running" }] });
    const seen = host({
      domains: [
        { name: "pv1", processes: [shell, burn, { ...burn, name: "burn-9" }] },
        ...sketch.domains.slice(1),
      ],
    });
    const wishes = idleOnly.decide(seen, options, idleOnly.init(options));
    assert.deepEqual(
      wishes.map(({ target }) => target),
      seen.domains[0]?.processes.slice(1),
    );
  });

  it("says why", () => {
    const seen = host(busy);
    const state = idleOnly.init(options);
    const reasons = [...idleOnly.decide(seen, options, state)].map((wish) => wish.reason);
    assert.deepEqual(reasons, ["make in pv2 is runnable"]);
  });

  it("keeps what an earlier run held, until the others were idle for long enough", () => {
    const left: DomainSketch = { name: "pv1", processes: [{ name: "burn-1", hold: "held" }] };
    const quiet: HostSketch = { domains: [left, ...idle.domains.slice(1)] };
    const held = wishedInTurn(idleOnly, { ...options, idleTicks: 2 }, [
      { ...quiet, intervalMs: 0 },
      quiet,
      quiet,
    ]);
    assert.deepEqual(held, [hold, hold, []]);
  });

  it("carries its state over to a new version with other options", () => {
    const state = idleOnly.init(options);
    Array.from(idleOnly.decide(host(busy), options, state));
    const patient = { ...options, idleTicks: 2 };
    const seen = host(idle);
    assert.deepEqual(wished(idleOnly.decide(seen, patient, idleOnly.init(patient, state)), seen), hold);
  });

  it("forgets domains that are gone", () => {
    const state = idleOnly.init(options);
    Array.from(idleOnly.decide(host(busy), options, state));
    Array.from(idleOnly.decide(host({ domains: [] }), options, state));
    assert.deepEqual(
      state.groups.map(({ standings, members, unexplained }) => [standings, members, unexplained]),
      [[new Map(), new Map(), new Map()]],
    );
  });
});

import assert from "node:assert/strict";
import { held, host, type DomainSketch, type HostSketch, type ProcessSketch } from "../../core/testing.js";
import idleOnly, { type Options } from "../../plugins/idle-only/index.js";

const options: Options = {
  background: [{ domain: "pv1", process: "burn-*" }],
  ignore: [{ domain: "*", process: "cron" }],
  processCpuPercent: 5,
  domainCpuPercent: 10,
  domainBusyTicks: 1,
  busyTicks: 1,
  idleTicks: 1,
};

const burn: ProcessSketch = { name: "burn-1", state: "running", cpuPercent: 100, threads: 2 };
const home: DomainSketch = { name: "pv1", processes: [burn] };
const shell: ProcessSketch = { name: "sh" };

/** Wished holds after each of these hosts in turn. */
function decide(
  hosts: readonly HostSketch[],
  changed: Partial<Options> = {},
): readonly (readonly string[])[] {
  const given = { ...options, ...changed };
  const state = idleOnly.init(given);
  return hosts.map((sketch) => {
    const seen = host(sketch);
    return held(idleOnly.decide(seen, given, state), seen);
  });
}

function with_(...others: readonly DomainSketch[]): HostSketch {
  return { domains: [home, ...others] };
}

const busy = with_({ name: "pv2", processes: [{ name: "make", state: "running", cpuPercent: 90 }] });
const idle = with_({ name: "pv2", processes: [shell] });

describe("idle-only", () => {
  const oneTick: readonly (readonly [title: string, sketch: HostSketch, holds: boolean])[] = [
    ["the others are idle", idle, false],
    ["there are no others", with_(), false],
    ["a process runs elsewhere", busy, true],
    [
      "a process waits for a CPU elsewhere",
      with_({ name: "pv2", processes: [{ name: "make", state: "queued" }] }),
      true,
    ],
    [
      "a process sleeps now but ran in the interval",
      with_({ name: "pv2", processes: [{ name: "httpd", cpuPercent: 6 }] }),
      true,
    ],
    [
      "a process ran for less than the threshold",
      with_({ name: "pv2", processes: [{ name: "httpd", cpuPercent: 5 }] }),
      false,
    ],
    [
      "only an ignored daemon runs",
      with_({ name: "pv2", processes: [{ name: "cron", state: "running", cpuPercent: 50 }] }),
      false,
    ],
    [
      "only a kernel thread is queued",
      with_({ name: "pv2", processes: [{ name: "kswapd0", kernel: true, state: "queued" }] }),
      false,
    ],
    [
      "kernel threads burn CPU",
      with_({ name: "pv2", processes: [{ name: "kswapd0", kernel: true, cpuPercent: 30 }] }),
      true,
    ],
    [
      "the hypervisor saw work that the guest does not show",
      with_({ name: "pv2", cpuPercent: 11, processes: [shell] }),
      true,
    ],
    ["an unmanaged domain works", with_({ name: "bsd", managed: false, cpuPercent: 50 }), true],
    ["an unmanaged domain is idle", with_({ name: "bsd", managed: false, cpuPercent: 2 }), false],
    [
      "a domain with work is paused",
      { domains: [home, { ...busy.domains[1], name: "pv2", paused: true }] },
      false,
    ],
    [
      "only their own domain works",
      { domains: [{ name: "pv1", processes: [burn, { name: "make", state: "running" }] }] },
      false,
    ],
  ];
  for (const [title, sketch, holds] of oneTick) {
    it(`${holds ? "holds" : "does not hold"} when ${title}`, () => {
      assert.deepEqual(decide([sketch]), [holds ? ["pv1/burn-1"] : []]);
    });
  }

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

  it("never wishes kernel threads or untouchable processes, whatever the pattern", () => {
    const processes: ProcessSketch[] = [
      { name: "init", untouchable: true },
      { name: "kthreadd", kernel: true },
      shell,
    ];
    const sketch: HostSketch = { domains: [{ name: "pv1", processes }, ...busy.domains.slice(1)] };
    assert.deepEqual(decide([sketch], { background: [{ domain: "*1", process: "*" }] }), [["pv1/sh"]]);
  });

  it("says why", () => {
    const seen = host(busy);
    const state = idleOnly.init(options);
    const reasons = [...idleOnly.decide(seen, options, state)].map((wish) => wish.reason);
    assert.deepEqual(reasons, ["make in pv2 is runnable"]);
  });

  it("does not let the background of one domain keep the background of another from running", () => {
    const both: HostSketch = { domains: [home, { name: "pv2", processes: [{ ...burn, name: "burn-2" }] }] };
    assert.deepEqual(decide([both], { background: [{ domain: "pv?", process: "burn-*" }] }), [[]]);
  });

  it("holds the background of every domain while a third one is busy", () => {
    const three: HostSketch = {
      domains: [
        home,
        { name: "pv2", processes: [{ ...burn, name: "burn-2" }] },
        { name: "pv3", processes: [{ name: "make", state: "running" }] },
      ],
    };
    assert.deepEqual(decide([three], { background: [{ domain: "*", process: "burn-*" }] }), [
      ["pv1/burn-1", "pv2/burn-2"],
    ]);
  });

  const hold = ["pv1/burn-1"];
  const hidden: HostSketch = {
    domains: [home, { name: "pv2", cpuPercent: 60, processes: [{ name: "sh" }] }],
  };
  const sequences: readonly (readonly [
    title: string,
    changed: Partial<Options>,
    hosts: readonly HostSketch[],
    wishes: readonly (readonly string[])[],
  ])[] = [
    [
      "holds after busyTicks busy ticks in a row",
      { busyTicks: 2 },
      [busy, idle, busy, busy, busy],
      [[], [], [], hold, hold],
    ],
    [
      "releases after idleTicks idle ticks in a row",
      { idleTicks: 2 },
      [busy, idle, busy, idle, idle, idle],
      [hold, hold, hold, hold, [], []],
    ],
    [
      "holds for work that the guest does not show only after domainBusyTicks ticks of it",
      { domainBusyTicks: 3 },
      [hidden, hidden, idle, hidden, hidden, hidden, idle],
      [[], [], [], [], [], hold, []],
    ],
    [
      "leaves a running process alone at the first snapshot",
      {},
      [{ ...busy, intervalMs: 0 }, busy],
      [[], hold],
    ],
  ];
  for (const [title, changed, hosts, wishes] of sequences) {
    it(title, () => {
      assert.deepEqual(decide(hosts, changed), wishes);
    });
  }

  it("keeps what an earlier run held, until the others were idle for long enough", () => {
    const left: DomainSketch = { name: "pv1", processes: [{ name: "burn-1", hold: "held" }] };
    const quiet: HostSketch = { domains: [left, ...idle.domains.slice(1)] };
    assert.deepEqual(decide([{ ...quiet, intervalMs: 0 }, quiet, quiet], { idleTicks: 2 }), [hold, hold, []]);
  });

  it("carries its state over to a new version with other options", () => {
    const state = idleOnly.init(options);
    Array.from(idleOnly.decide(host(busy), options, state));
    const patient = { ...options, idleTicks: 2 };
    const seen = host(idle);
    assert.deepEqual(held(idleOnly.decide(seen, patient, idleOnly.init(patient, state)), seen), hold);
  });

  it("forgets domains that are gone", () => {
    const state = idleOnly.init(options);
    Array.from(idleOnly.decide(host(busy), options, state));
    Array.from(idleOnly.decide(host({ domains: [] }), options, state));
    assert.equal(state.standings.size, 0);
  });
});

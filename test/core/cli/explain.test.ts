import assert from "node:assert/strict";
import { explanationPage } from "../../../core/cli/explain-page.js";
import { statusCalls } from "../../../core/control/socket/control-calls.js";
import type {
  Explanation,
  ProcessExplanation,
  ThreadExplanation,
} from "../../../core/cycle/explain/explanation.js";
import { VmmschedError } from "../../../core/errors.js";
import { ControlPlace } from "../control/socket/control-place.js";
import { runWith } from "./command-line.js";

const waiting: ThreadExplanation = {
  tid: 120,
  name: "backup",
  startTimeNs: 7.25e9,
  state: "running",
  cpu: 1,
  cpuTimeNs: 12.344e9,
  wished: [
    { policy: "idle-only", hold: { value: true, reason: "web has \u001b[31mwork" } },
    { policy: "time-quota", hold: { value: true } },
    { policy: "priority-tiers", nice: { value: 9, reason: "in tier back" } },
  ],
  hold: {
    counts: true,
    because: "time-quota",
    rule: "a hold counts if any policy wishes it",
    wishedForNs: 0.4e9,
    state: "none",
    foundHeld: false,
    change: { kind: "hold", wantedForNs: 0.4e9, tries: 5, outcome: "lock held", leftOver: false },
  },
  priority: {
    niceCounts: 9,
    because: "priority-tiers: in tier back",
    rule: "the greatest nice value that is wished counts",
    wishedForNs: 200e9,
    wanted: 129,
    present: 129,
    presentNice: 9,
    own: 120,
    ownNice: 0,
    changedForNs: 199e9,
  },
};
const held: ThreadExplanation = {
  ...waiting,
  tid: 121,
  hold: { ...waiting.hold, state: "held", heldForNs: 8000e9, foundHeld: true },
};
const made: ThreadExplanation = {
  ...waiting,
  tid: 122,
  wished: [],
  hold: {
    ...{ counts: false, rule: "nobody wishes a hold", state: "held", heldForNs: 2e9, foundHeld: false },
    change: { kind: "release", wantedForNs: 0, tries: 1, outcome: "committed", leftOver: false },
  },
  priority: {
    ...{ rule: "nobody wishes a nice value", wanted: 8, present: 12, own: 8 },
    change: { kind: "priority", wantedForNs: 1e9, tries: 0, leftOver: true },
  },
};
const backup: ProcessExplanation = {
  ...{ pid: 120, parentPid: 1, name: "back\u001bup", kernel: false, untouchable: false, hidden: true },
  cgroup: "/jobs",
  threads: [waiting, held, { ...waiting, tid: 123 }, made],
};
const web: Explanation = {
  ...{ schema: 1, tickAgoNs: 0.045e9, dryRun: false },
  policies: [
    { name: "idle-only", answer: "late" },
    { name: "time-quota", answer: "failed" },
    { name: "priority-tiers", answer: "answered" },
  ],
  domain: {
    ...{ id: 3, uuid: "00000000-0000-0000-0000-000000000003", name: "batch", kind: "pvh" },
    ...{ managed: true, profile: { name: "linux", version: "0.1.0" }, os: "linux", version: "6.1.0-13" },
    ...{ leaving: false, paused: true, vcpuCount: 2, cpuTimeNs: 1e9, cpuTimeDeltaNs: 1e6 },
    ...{ processCount: 20, threadCount: 31, heldCount: 1, changedPriorityCount: 4 },
    capabilities: {
      hold: { can: true, how: "trap" },
      release: { can: true, how: "trap" },
      priority: { can: false, why: "its scheduler is not known" },
    },
    wishes: [{ policy: "priority-tiers", holdCount: 0, niceCount: 7 }],
    share: {
      wished: [
        { policy: "priority-tiers", weight: { value: 100, reason: "its parts" }, capPercent: { value: 0 } },
      ],
      counts: {
        weight: {
          ...{ value: 100, because: "priority-tiers: its parts" },
          rule: "the smallest weight that is wished counts",
        },
        capPercent: { value: 0, because: "priority-tiers", rule: "the smallest cap that is wished counts" },
      },
      present: { weight: 256, capPercent: 50 },
      presentForNs: 100e9,
      own: { weight: 300, capPercent: 0 },
      problem: "no such file",
    },
  },
};

describe("vmmsched explain", () => {
  let place: ControlPlace;
  const asked: (readonly [domain: string, pid: string | undefined])[] = [];
  beforeEach(async () => {
    place = new ControlPlace();
    asked.length = 0;
    await place.serve(
      statusCalls({
        status: () => Promise.resolve({}),
        trust: () => Promise.resolve({}),
        explain: (domain, pid) => {
          asked.push([domain, pid]);
          if (domain !== "batch")
            return Promise.reject(
              new VmmschedError("ERR_DOMAIN_UNKNOWN", `there is no domain ${domain}; did you mean "batch"?`),
            );
          return Promise.resolve(pid === undefined ? web : { ...web, processes: [backup] });
        },
      }),
    );
  });
  afterEach(() => {
    place[Symbol.dispose]();
  });
  const run = (...args: string[]) => runWith({}, "explain", ...args, "--socket", place.socket);

  it("shows the domain, and what is wished for it and in it", async () => {
    const { exitCode, stdout, stderr } = await run("batch");
    assert.deepEqual([exitCode, stderr], [0, ""]);
    assert.equal(
      stdout,
      [
        "batch (domain 3, pvh): managed by linux 0.1.0; it runs linux 6.1.0-13",
        "",
        "as of     the last tick, 0.04 s ago",
        "policies  idle-only (its answer is late: it is taken to wish what it wished before)",
        "          time-quota (it has failed, and wishes nothing)",
        "          priority-tiers",
        "state     paused",
        "cannot    priority: its scheduler is not known",
        "wishes    priority-tiers: holds of 0 threads, nice values of 7",
        "threads   31 in 20 processes; 1 held, 4 at a priority not their own",
        "share     priority-tiers wishes weight 100 (its parts)",
        "          priority-tiers wishes no cap",
        "          weight 100 counts: the smallest weight that is wished counts (priority-tiers: its parts)",
        "          no cap counts: the smallest cap that is wished counts (priority-tiers)",
        "          in force: weight 256, cap 50 % for 100.0 s; its own is weight 300, no cap",
        "          it cannot be set: no such file",
        "",
      ].join("\n"),
    );
  });

  it("shows a process, and tells what is the same of several threads once", async () => {
    const { exitCode, stdout, stderr } = await run("batch", "120");
    assert.deepEqual([exitCode, stderr], [0, ""]);
    assert.deepEqual(asked, [["batch", "120"]]);
    assert.equal(
      stdout.slice(stdout.indexOf("process 120")),
      [
        "process 120 back\\x1bup, started by 1, hidden by its guest, cgroup /jobs",
        "",
        "  TID  NAME    STATE    CPU  CPU-TIME  STARTED  PRIORITY  NICE  HOLD",
        "  120  backup  running    1     12.34     7.25       129     9  -",
        "  121  backup  running    1     12.34     7.25       129     9  held",
        "  123  backup  running    1     12.34     7.25       129     9  -",
        "  122  backup  running    1     12.34     7.25        12     -  held",
        "",
        "threads 120, 123:",
        "wishes    idle-only: hold (web has \\x1b[31mwork)",
        "          time-quota: hold",
        "          priority-tiers: nice 9 (in tier back)",
        "hold      is to be held for 0.40 s: a hold counts if any policy wishes it (time-quota)",
        "          in force: it is not held",
        "          the hold is wanted for 0.40 s, and was tried in 5 ticks; what came of it last: lock held",
        "priority  is to have nice 9, here 129 for 3.3 min: the greatest nice value that is wished counts (priority-tiers: in tier back)",
        "          in force: 129 (nice 9) for 3.3 min; its own is 120 (nice 0)",
        "",
        "threads 121:",
        "wishes    idle-only: hold (web has \\x1b[31mwork)",
        "          time-quota: hold",
        "          priority-tiers: nice 9 (in tier back)",
        "hold      is to be held for 0.40 s: a hold counts if any policy wishes it (time-quota)",
        "          in force: it is held for 2.2 h, at least: it was found held",
        "          the hold is wanted for 0.40 s, and was tried in 5 ticks; what came of it last: lock held",
        "priority  is to have nice 9, here 129 for 3.3 min: the greatest nice value that is wished counts (priority-tiers: in tier back)",
        "          in force: 129 (nice 9) for 3.3 min; its own is 120 (nice 0)",
        "",
        "threads 122:",
        "wishes    none",
        "hold      is not to be held: nobody wishes a hold",
        "          in force: it is held for 2.0 s",
        "          the last tick made the release after 1 try: the next scan shows it",
        "priority  is to have its own: nobody wishes a nice value",
        "          in force: 12; its own is 8",
        "          the change is wanted for 1.0 s, and was not tried yet",
        "          the last tick did not come to it: no time was left of the pause, or the domain could not be paused",
        "",
      ].join("\n"),
    );
  });

  it("says why a domain is unmanaged, and that nothing is known of its share", () => {
    const { domain } = web;
    const { profile, os, version, capabilities, ...rest } = domain;
    assert.ok(profile && os && version && capabilities);
    const page = explanationPage({
      ...web,
      dryRun: true,
      policies: [],
      domain: {
        ...rest,
        managed: false,
        reason: "not \u001bthis one",
        paused: false,
        share: { wished: [], counts: {} },
      },
    });
    assert.equal(
      page,
      [
        "batch (domain 3, pvh): unmanaged: not \\x1bthis one",
        "",
        "as of     the last tick, 0.04 s ago",
        "dry run   nothing is done: what counts is only told",
        "policies  none",
        "wishes    priority-tiers: holds of 0 threads, nice values of 7",
        "share     in force: not known, and not ours to change",
        "",
      ].join("\n"),
    );
  });

  it("--json prints one line, without control characters", async () => {
    const { exitCode, stdout } = await run("batch", "120", "--json");
    assert.equal(exitCode, 0);
    assert.match(stdout, /^[ -~]+\n$/);
    assert.deepEqual(JSON.parse(stdout), { ...web, processes: [backup] });
  });

  it("ends with 1 where there is no such domain, and says what there is", async () => {
    const { exitCode, stdout, stderr } = await run("bacth", "1");
    assert.deepEqual([exitCode, stdout], [1, ""]);
    assert.match(stderr, /did you mean "batch"\? \[ERR_DOMAIN_UNKNOWN\]\n$/);
  });

  it("wants a domain", async () => {
    const { exitCode, stderr } = await run();
    assert.equal(exitCode, 2);
    assert.match(stderr, /missing required argument 'domain'/);
  });
});

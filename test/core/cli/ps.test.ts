import assert from "node:assert/strict";
import type { Composition } from "../../../core/cli/composition.js";
import {
  processReport,
  type DomainReport,
  type HostReport,
  type ThreadReport,
} from "../../../core/cli/host-report.js";
import { schemaCheck } from "../../../core/config/schema-check.js";
import { readInRepository } from "../../repository.js";
import { FixedObserver, runWith } from "./command-line.js";

function thread(tid: number, name: string, changes: Partial<ThreadReport> = {}): ThreadReport {
  const known = { startTimeNs: 1e9, scheduling: "other", waitTimeNs: 5e6, uid: 0 } as const;
  const always = { state: "sleeping", cpu: 0, priority: 120, cpuTimeNs: 0.25e9, hold: "none" } as const;
  return { tid, name, ...always, ...known, ...changes };
}

const pv1: DomainReport = {
  id: 1,
  uuid: "0a000000-0000-4000-8000-000000000001",
  name: "pv1",
  kind: "pv",
  os: "linux",
  version: "6.1.0-44-amd64",
  managed: true,
  races: 0,
  processes: [
    processReport(
      {
        pid: 1,
        parentPid: undefined,
        kernel: false,
        hidden: false,
        cgroup: "/init.scope",
        argv0: "/sbin/init",
      },
      [thread(1, "init")],
    ),
    processReport(
      { pid: 2, parentPid: undefined, kernel: true, hidden: false, cgroup: "/", argv0: undefined },
      [thread(2, "kthreadd", { cpuTimeNs: 0 })],
    ),
    processReport(
      { pid: 73, parentPid: 1, kernel: false, hidden: true, cgroup: undefined, argv0: undefined },
      [
        thread(73, "burn-\u001b]0;x\u0007", { hold: "held", cpuTimeNs: 3723e9 }),
        thread(74, "worker", { state: "running" }),
      ],
    ),
  ],
};
const bsd: DomainReport = {
  id: 2,
  uuid: "0a000000-0000-4000-8000-000000000002",
  name: "bsd",
  kind: "hvm",
  managed: false,
  reason: "no guest profile recognises its operating system",
  races: 0,
  processes: [],
};
const report: HostReport = { schema: 1, takenAt: { begin: 1000.5, end: 1000.75 }, domains: [pv1, bsd] };

async function ps(...args: string[]) {
  const observer = new FixedObserver([report]);
  const ran = await runWith({ observe: () => Promise.resolve(observer) }, "ps", ...args);
  assert.equal(observer.disposals, 1);
  return ran;
}

/** Where `ps` looked, run after run. */
function watchedPlaces() {
  const places: unknown[] = [];
  const observe: Composition["observe"] = (_, at) => {
    places.push(at);
    return Promise.resolve(new FixedObserver([report]));
  };
  return { places, look: (...args: string[]) => runWith({ observe }, "ps", ...args) };
}

describe("vmmsched ps", () => {
  it("prints one line a process, guests' names escaped, and why a domain is unmanaged", async () => {
    const { exitCode, stdout } = await ps();
    assert.equal(exitCode, 0);
    assert.equal(
      stdout,
      [
        "DOMAIN  PID  NAME                        THREADS  STATE     CPU-TIME  HOLD",
        "pv1       1  init                              1  sleeping      0.25  -",
        "pv1       2  [kthreadd]                        1  sleeping      0.00  -",
        "pv1      73  burn-\\x1b]0;x\\x07 (hidden)        2  running    1:02:03  held 1",
        "bsd (domain 2, hvm) is unmanaged: no guest profile recognises its operating system",
        "",
      ].join("\n"),
    );
  });

  it("prints JSON that follows docs/ps.schema.json", async () => {
    const { stdout } = await ps("--json");
    const printed: unknown = JSON.parse(stdout);
    assert.deepEqual(printed, report);
    const check = schemaCheck(JSON.parse(readInRepository("docs/ps.schema.json")) as object);
    assert.deepEqual(check(printed), []);
    assert.equal(check({ ...report, extra: 1 }).length, 1);
  });

  it("prints one JSON object a line with --count", async () => {
    const { stdout } = await ps("--json", "--count", "3", "--every", "1");
    const lines = stdout.split("\n");
    assert.deepEqual(
      lines.map((line) => line !== ""),
      [true, true, true, false],
    );
    for (const line of lines.slice(0, 3)) assert.deepEqual(JSON.parse(line), report);
  });

  for (const name of ["bsd", "2", bsd.uuid]) {
    it(`shows only the domain ${name}`, async () => {
      const { stdout } = await ps("--json", name);
      assert.deepEqual((JSON.parse(stdout) as HostReport).domains, [bsd]);
    });
  }

  it("ends with 1 for a domain that does not exist, and names those that do", async () => {
    const { exitCode, stderr } = await ps("pv1", "pv7");
    assert.equal(exitCode, 1);
    assert.match(stderr, /^vmmsched: there is no domain pv7; domains now: pv1, bsd /);
  });

  it("looks through the configured driver, or the one of the command line", async () => {
    const { places, look } = watchedPlaces();
    await look();
    await look("--driver", "simulated");
    assert.deepEqual(places, ["xen", "simulated"]);
  });

  it("looks into an image, split where the command line says", async () => {
    const { places, look } = watchedPlaces();
    await look("--image", "a.elf");
    await look("--image", "a.raw", "--split", "2.75G");
    assert.deepEqual(places, [{ image: "a.elf" }, { image: "a.raw", splitBytes: 2.75 * 2 ** 30 }]);
    const wrong: readonly [args: string[], message: RegExp][] = [
      [["--split", "2G"], /give --image too/],
      [["--image", "a.raw", "--split", "2000"], /Give a size up to 4G/],
      [["--image", "a.raw", "--split", "2T"], /Give a size up to 4G/],
      [["--image", "a.raw", "--driver", "xen"], /cannot be used with option '--image/],
    ];
    for (const [args, message] of wrong) {
      const { exitCode, stderr } = await look(...args);
      assert.equal(exitCode, 2, args.join(" "));
      assert.match(stderr, message);
    }
    assert.equal(places.length, 2);
  });
});

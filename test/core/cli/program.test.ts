import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VmmschedError } from "../../../core/errors.js";
import { runWith, StoppableScheduler } from "./command-line.js";

describe("command line", () => {
  it("shows help with examples for the program and for every command", async () => {
    const commands = [
      ["run"],
      ["status"],
      ["explain"],
      ["ps"],
      ["plugins"],
      ["doctor"],
      ["demo"],
      ["record"],
      ["replay"],
    ];
    for (const args of [[], ...commands]) {
      const { exitCode, stdout, stderr } = await runWith({}, ...args, "--help");
      assert.equal(exitCode, 0);
      assert.equal(stderr, "");
      assert.match(stdout, /Examples?:\n {2}vmmsched /);
      for (const line of stdout.split("\n")) assert.ok(line.length <= 110, line);
    }
  });

  it("shows its version", async () => {
    assert.deepEqual(await runWith({}, "--version"), { exitCode: 0, stdout: "1.2.3\n", stderr: "" });
  });

  const wrong: readonly (readonly [args: readonly string[], said: RegExp])[] = [
    [["rnu"], /^vmmsched: unknown command 'rnu'\n\(Did you mean run\?\)\nSee: vmmsched --help\n$/],
    [["run"], /^vmmsched: required option '-c, --config <file>' not specified\nSee: vmmsched run --help\n$/],
    [
      ["ps", "--jsn"],
      /^vmmsched: unknown option '--jsn'\n\(Did you mean --json\?\)\nSee: vmmsched ps --help\n$/,
    ],
    [["ps", "--count", "0"], /'0' is invalid.* Give a whole number from 1 on\.\n/],
    [["ps", "--driver", "kvm"], /Allowed choices are xen, qemu, simulated\.\n/],
    [["doctor", "extra"], /too many arguments/],
  ];
  for (const [args, said] of wrong) {
    it(`ends with 2 after: vmmsched ${args.join(" ")}`, async () => {
      const { exitCode, stdout, stderr } = await runWith({}, ...args);
      assert.deepEqual([exitCode, stdout], [2, ""]);
      assert.match(stderr, said);
    });
  }

  it("ends with 1 when a command fails, and tells why on stderr, without control characters", async () => {
    const doctor = () => Promise.reject(new VmmschedError("ERR_DOMAIN_GONE", "domain \u001b[31mred is gone"));
    assert.deepEqual(await runWith({ doctor }, "doctor"), {
      exitCode: 1,
      stdout: "",
      stderr: "vmmsched: domain \\x1b[31mred is gone [ERR_DOMAIN_GONE]\n",
    });
  });

  it("doctor ends with 1 when something is missing, and says what mends it", async () => {
    const fine = { name: "root", ok: true, found: "uid 0" };
    const missing = {
      name: "libxenctrl",
      ok: false,
      found: "not installed",
      mend: "apt-get install libxenmisc4.17",
    };
    const { exitCode, stdout } = await runWith({ doctor: () => Promise.resolve([fine, missing]) }, "doctor");
    assert.equal(exitCode, 1);
    assert.match(
      stdout,
      /^ok {7}root: uid 0\nmissing {2}libxenctrl: not installed\n {9}mend: apt-get install/,
    );
    const json = await runWith({ doctor: () => Promise.resolve([fine]) }, "doctor", "--json");
    assert.deepEqual([json.exitCode, JSON.parse(json.stdout)], [0, { schema: 1, checks: [fine] }]);
  });
});

describe("vmmsched run", () => {
  const file = join(tmpdir(), `vmmsched-run-${String(process.pid)}.yaml`);
  const caught = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const listenersNow = () => ({
    SIGINT: process.listeners("SIGINT"),
    SIGTERM: process.listeners("SIGTERM"),
    SIGHUP: process.listeners("SIGHUP"),
  });
  let earlier = listenersNow();
  beforeEach(() => {
    writeFileSync(file, "driver: simulated\n");
    earlier = listenersNow();
  });
  afterEach(() => {
    for (const signal of caught)
      for (const listener of process.listeners(signal))
        if (!earlier[signal].includes(listener)) process.off(signal, listener);
  });

  for (const [signals, modes] of [
    [["SIGTERM"], ["graceful"]],
    [
      ["SIGINT", "SIGTERM"],
      ["graceful", "fast"],
    ],
  ] as const) {
    it(`stops ${modes.join(", then ")} after ${signals.join(" and ")}, and ends with 0`, async () => {
      const scheduler = new StoppableScheduler(signals.length, () => {
        for (const signal of signals) process.emit(signal);
      });
      const ran = await runWith({ scheduler: () => Promise.resolve(scheduler) }, "run", "-c", file);
      assert.deepEqual(ran, { exitCode: 0, stdout: "", stderr: "" });
      assert.deepEqual(scheduler.stops, modes);
      const late = process.listeners("SIGTERM").filter((listener) => !earlier.SIGTERM.includes(listener));
      assert.equal(late.length, 1, "a signal that comes when all is released is no death either");
    });
  }
});

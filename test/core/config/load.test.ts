import assert from "node:assert/strict";
import { checkConfig, loadConfig } from "../../../core/config/load.js";
import { parseSource } from "../../../core/config/source-document.js";
import { isVmmschedError } from "../../../core/errors.js";

function load(text: string) {
  return checkConfig(parseSource("vmmsched.yaml", text, "ERR_CONFIG_INVALID"));
}

function errorOf(text: string): string {
  try {
    load(text);
  } catch (error) {
    assert.ok(isVmmschedError(error, "ERR_CONFIG_INVALID"));
    return error.message;
  }
  assert.fail("the configuration was accepted");
}

describe("configuration", () => {
  it("has a default for everything", () => {
    const defaults = {
      driver: "xen",
      qemu: { directory: "/run/vmmsched-qemu", machines: [] },
      intervalMs: 100,
      jitterPercent: 0,
      pause: "late",
      pauseBudgetMs: 5,
      pauseHardLimitMs: 50,
      recoverAfterMs: 5000,
      maxTasks: 16_384,
      domains: { include: ["*"], exclude: [] },
      log: { level: "info" },
      policies: [],
      policySets: {},
      profiles: {},
      pluginDirectories: [],
      runtimeDirectory: "/run/vmmsched",
      simulatedDomains: ["batch", "web"],
      stateDirectory: "/var/lib/vmmsched",
      policyDeadlineMs: 20,
      policyMemoryMb: 64,
      guard: {
        maxHoldMs: 600_000,
        runSlotMs: 100,
        influencePercent: 100,
        influenceWindowMs: 600_000,
        checkClaims: true,
      },
    };
    assert.deepEqual(loadConfig(undefined).values, defaults);
    assert.deepEqual(load("# nothing\n").values, defaults);
  });

  it("fills defaults in below what is given", () => {
    const { values } = load("domains: { exclude: [test-*] }\npolicies:\n  - name: idle-only\n");
    assert.deepEqual(values.domains, { include: ["*"], exclude: ["test-*"] });
    assert.deepEqual(values.policies, [{ name: "idle-only", enabled: true, options: {} }]);
  });

  it("takes relative directories from where the file lies", () => {
    const text = "pluginDirectories: [.., /opt/plugins]\nruntimeDirectory: run\n";
    const { values } = checkConfig(parseSource("/etc/vmmsched/demo.yaml", text, "ERR_CONFIG_INVALID"));
    assert.deepEqual(values.pluginDirectories, ["/etc", "/opt/plugins"]);
    assert.equal(values.runtimeDirectory, "/etc/vmmsched/run");
    const machines = checkConfig(
      parseSource("/etc/vmm.yaml", "qemu: { machines: [{ qmp: a.qmp, qtest: /b }] }", "ERR_CONFIG_INVALID"),
    );
    assert.deepEqual(machines.values.qemu.machines, [{ qmp: "/etc/a.qmp", qtest: "/b" }]);
    assert.equal(values.stateDirectory, "/var/lib/vmmsched");
  });

  it("may be a JSON file", () => {
    const text = '{ "driver": "simulated", "policies": [{ "name": "idle-only" }] }';
    const { values } = checkConfig(parseSource("vmmsched.json", text, "ERR_CONFIG_INVALID"));
    assert.equal(values.driver, "simulated");
  });

  it("tells all that is wrong at once, in the order of the file", () => {
    const message = errorOf(
      "intervalMs: 5\ndriver: xenn\npolicies:\n  - enabled: yes please\n    nam: x\nlog: 3\n",
    );
    const places = [...message.matchAll(/^ {2}vmmsched\.yaml:(\d+:\d+ \S+)$/gm)].map(([, place]) => place);
    assert.deepEqual(places, [
      "1:1 /intervalMs",
      "2:1 /driver",
      "4:5 /policies/0/enabled",
      "5:5 /policies/0/nam",
      "6:1 /log",
    ]);
    assert.match(message, /^5 errors in vmmsched\.yaml:\n/);
  });

  const cases: readonly (readonly [title: string, text: string, said: RegExp])[] = [
    [
      "an unknown key",
      "intervalms: 5",
      /unknown key "intervalms"; did you mean "intervalMs"\?\n {4}allowed: driver, /,
    ],
    ["a key unlike any other", "colour: 5", /unknown key "colour"\n/],
    ["a wrong word", "pause: laet", /found "laet"; did you mean "late"\?\n {4}allowed: late, early/],
    ["a number out of range", "intervalMs: 9", /found 9\n {4}allowed: a whole number, 10 to 10000/],
    ["too much jitter", "jitterPercent: 51", /found 51\n {4}allowed: a number, 0 to 50/],
    [
      "a slowest interval below the usual one",
      "intervalMs: 200\nslowestIntervalMs: 100",
      /2:1 \/slowestIntervalMs\n {4}found 100\n {4}allowed: 200, which is intervalMs, or more/,
    ],
    [
      "a slowest interval below the default one",
      "slowestIntervalMs: 50",
      /1:1 \/slowestIntervalMs\n {4}found 50\n {4}allowed: 100, which is intervalMs, or more/,
    ],
    ["a wrong type", "intervalMs: soon", /found "soon"\n {4}allowed: a whole number, 10 to 10000/],
    ["a missing key", "policies: [{}]", /1:12 \/policies\/0\n {4}missing key "name"/],
    [
      "an empty pattern",
      "domains: {include: ['']}",
      /1:21 \/domains\/include\/0\n {4}found ""\n {4}allowed: a pattern of domain names/,
    ],
    ["a document that is a list", "[1]", /found \[1\]\n {4}allowed: an object with the keys driver, /],
    ["broken YAML", "a: [1\nb: 2", /vmmsched\.yaml is not valid YAML:\n {2}vmmsched\.yaml:1:4\n/],
    [
      "a key that is there twice",
      "pause: late\npause: early",
      /vmmsched\.yaml:2:1\n {4}the key "pause" stands twice in one object; first in line 1/,
    ],
    [
      "aliases without end",
      `a: &a [x, x, x]\nb: &b [${"*a,".repeat(99)}]\nc: [${"*b,".repeat(99)}]`,
      /alias/,
    ],
  ];
  for (const [title, text, said] of cases) {
    it(`refuses ${title}`, () => {
      assert.match(errorOf(text), said);
    });
  }

  it("tells a file that cannot be read from one that is wrong", () => {
    assert.throws(() => loadConfig("/nowhere/vmmsched.yaml"), { code: "ERR_CONFIG_UNREADABLE" });
  });
});

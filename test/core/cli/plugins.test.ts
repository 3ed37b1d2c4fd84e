import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { schemaCheck } from "../../../core/config/schema-check.js";
import { pluginsCalls } from "../../../core/control/socket/control-calls.js";
import { pluginsOutputSchema, type PluginReport } from "../../../core/control/socket/plugin-report.js";
import { readInRepository } from "../../repository.js";
import { ControlPlace } from "../control/socket/control-place.js";
import { ScriptedPlugins } from "../control/socket/scripted-plugins.js";
import { runWith } from "./command-line.js";

const idleOnly: PluginReport = {
  name: "idle-only",
  kind: "policy",
  version: "0.1.0",
  description: "Background processes run only while every other domain is idle",
  folder: "/usr/lib/vmmsched/plugins/idle-only",
  state: "active",
  options: { background: [{ domain: "batch", process: "backup" }] },
  lastReload: { at: "2026-01-31T12:00:00.123Z", result: "live", version: "0.1.0", tookMs: 31.4 },
  strikes: 0,
  restarts: 1,
  lateTicks: 2,
};
const night: PluginReport = {
  name: "night-shift",
  kind: "policy",
  version: "1.2.0",
  folder: "/etc/vmmsched/plugins/night-shift",
  state: "active",
  problem: "1 error in plugin.json:\n  plugin.json:3:5 /version\n    found \u001b[31m",
  lastReload: {
    at: "2026-01-31T12:05:00.000Z",
    result: "rolled-back",
    version: "1.3.0",
    tookMs: 48,
    reason: "decide threw:\nTypeError: x is undefined",
  },
  failure: "/var/lib/vmmsched/failures/night-shift-1.json",
  shadows: ["/opt/night-shift"],
};
const older: PluginReport = {
  name: "night-shift",
  kind: "policy",
  version: "1.0.0",
  folder: "/opt/night-shift",
  state: "inactive",
  shadowedBy: "/etc/vmmsched/plugins/night-shift",
};
const broken: PluginReport = {
  name: "bro\u001b[2Jken",
  kind: "unknown",
  folder: "/etc/vmmsched/plugins/broken",
  state: "refused",
  reason: "plugin.json is not JSON",
};
const wild: PluginReport = {
  name: "wild",
  kind: "policy",
  version: "2.0.0",
  folder: "/etc/vmmsched/plugins/wild",
  state: "failing",
  reason: "it did not decide within 20 ms, 3 times; restarts in 8 s",
};
const linux: PluginReport = {
  name: "linux",
  kind: "guest-profile",
  version: "0.1.0",
  folder: "/usr/lib/vmmsched/guest-profiles/linux",
  state: "active",
  domains: ["web\u001b]0;x\u0007", "batch"],
};
const all = [idleOnly, night, older, broken, wild, linux];

describe("vmmsched plugins", () => {
  let place: ControlPlace;
  let scheduler: ScriptedPlugins;
  beforeEach(async () => {
    place = new ControlPlace();
    scheduler = new ScriptedPlugins(all);
    await place.serve(pluginsCalls(scheduler));
  });
  afterEach(() => {
    place[Symbol.dispose]();
  });
  const plugins = (...args: string[]) => runWith({}, "plugins", ...args, "--socket", place.socket);

  it("list shows all, and why some are not as one may expect", async () => {
    const { exitCode, stdout, stderr } = await plugins("list");
    assert.deepEqual([exitCode, stderr], [0, ""]);
    assert.equal(
      stdout,
      [
        "policies: those of the configuration",
        "",
        "NAME           KIND           VERSION  STATE     LAST RELOAD",
        "idle-only      policy         0.1.0    active    live 2026-01-31T12:00:00Z",
        "night-shift    policy         1.2.0    active    rolled-back 2026-01-31T12:05:00Z",
        "night-shift    policy         1.0.0    inactive  -",
        "bro\\x1b[2Jken  unknown        -        refused   -",
        "wild           policy         2.0.0    failing   -",
        "linux          guest-profile  0.1.0    active    -",
        "",
        "night-shift goes on as 1.2.0; its newest content is refused: 1 error in plugin.json:",
        "    plugin.json:3:5 /version",
        "      found \\x1b[31m",
        "night-shift in /opt/night-shift is not used; a newer one is: /etc/vmmsched/plugins/night-shift",
        "bro\\x1b[2Jken is refused: plugin.json is not JSON",
        "wild is failing: it did not decide within 20 ms, 3 times; restarts in 8 s",
        "",
      ].join("\n"),
    );
  });

  it("list shortens a long reason", async () => {
    const reason = Array.from({ length: 30 }, (_, line) => `line ${line}`).join("\n");
    using other = new ControlPlace();
    await other.serve(pluginsCalls(new ScriptedPlugins([{ ...wild, reason }])));
    const { stdout } = await runWith({}, "plugins", "list", "--socket", other.socket);
    assert.match(
      stdout,
      /\n\nwild is failing: line 0\n(?: {2}line [1-6]\n){6} {2}\.\.\. \(vmmsched plugins show wild has/,
    );
  });

  it("list says when there are none", async () => {
    using other = new ControlPlace();
    await other.serve(pluginsCalls(new ScriptedPlugins([])));
    const { stdout } = await runWith({}, "plugins", "list", "--socket", other.socket);
    assert.equal(stdout, "policies: those of the configuration\n\nno plugins\n");
  });

  const pages: readonly (readonly [plugin: PluginReport, page: readonly string[]])[] = [
    [
      idleOnly,
      [
        "idle-only 0.1.0, policy: active",
        "Background processes run only while every other domain is idle",
        "",
        "folder       /usr/lib/vmmsched/plugins/idle-only",
        'options      {"background":[{"domain":"batch","process":"backup"}]}',
        "last reload  live 2026-01-31T12:00:00Z, version 0.1.0, took 31 ms",
        "strikes      0",
        "restarts     1",
        "late ticks   2",
      ],
    ],
    [
      night,
      [
        "night-shift 1.2.0, policy: active",
        "",
        "folder       /etc/vmmsched/plugins/night-shift",
        "last reload  rolled-back 2026-01-31T12:05:00Z, version 1.3.0, took 48 ms",
        "             decide threw:",
        "             TypeError: x is undefined",
        "refused      1 error in plugin.json:",
        "               plugin.json:3:5 /version",
        "                 found \\x1b[31m",
        "shadows      /opt/night-shift",
        "failure      /var/lib/vmmsched/failures/night-shift-1.json",
      ],
    ],
    [
      broken,
      [
        "bro\\x1b[2Jken, plugin: refused",
        "",
        "folder       /etc/vmmsched/plugins/broken",
        "reason       plugin.json is not JSON",
      ],
    ],
    [
      linux,
      [
        "linux 0.1.0, guest-profile: active",
        "",
        "folder       /usr/lib/vmmsched/guest-profiles/linux",
        "domains      web\\x1b]0;x\\x07, batch",
      ],
    ],
  ];
  for (const [plugin, page] of pages) {
    it(`show prints a page on ${JSON.stringify(plugin.name)}`, async () => {
      const { exitCode, stdout } = await plugins("show", plugin.name);
      assert.equal(exitCode, 0);
      assert.equal(stdout, `${page.join("\n")}\n`);
    });
  }

  it("enable, disable, switch and restore print what is in force then", async () => {
    const options = { background: [] };
    const enabled = await plugins("enable", "night-shift", "--options", JSON.stringify(options));
    assert.match(enabled.stdout, /^night-shift 1\.2\.0, policy: active\n/);
    const disabled = await plugins("disable", "linux");
    assert.match(disabled.stdout, /^linux 0\.1\.0, guest-profile: disabled\n/);
    const switched = await plugins("switch", "night");
    assert.match(
      switched.stdout,
      /^policies: set night, changed by hand \(vmmsched plugins restore: as the configuration says\)\n\nNAME /,
    );
    const restored = await plugins("restore");
    assert.match(restored.stdout, /^policies: those of the configuration\n\nNAME /);
    for (const ran of [enabled, disabled, switched, restored])
      assert.deepEqual([ran.exitCode, ran.stderr], [0, ""]);
    assert.deepEqual(scheduler.asked, [
      ["enable", "night-shift", options],
      ["disable", "linux"],
      ["switchTo", "night"],
      ["restore"],
    ]);
  });

  it("enable ends with 1 when the plugin is not active then", async () => {
    const { exitCode, stdout } = await plugins("enable", "wild");
    assert.equal(exitCode, 1);
    assert.match(stdout, /^wild 2\.0\.0, policy: failing\n/);
  });

  it("have a schema for readers of their JSON, docs/plugins.schema.json", () => {
    assert.deepEqual(JSON.parse(readInRepository("docs/plugins.schema.json")), pluginsOutputSchema);
  });

  for (const args of [
    ["list"],
    ["show", "night-shift"],
    ["enable", "idle-only"],
    ["disable", "linux"],
    ["switch", "night"],
    ["restore"],
  ]) {
    it(`${args.join(" ")} --json prints one line that follows the schema, without control characters`, async () => {
      const { exitCode, stdout } = await plugins(...args, "--json");
      assert.equal(exitCode, 0);
      assert.match(stdout, /^[ -~]+\n$/);
      const printed = JSON.parse(stdout) as object;
      const check = schemaCheck(pluginsOutputSchema);
      assert.deepEqual(check(printed), []);
      assert.notDeepEqual(check({ ...printed, extra: 1 }), []);
    });
  }

  const failing: readonly (readonly [args: readonly string[], exitCode: number, said: RegExp])[] = [
    [["show", "idel-only"], 1, /there is no plugin "idel-only"; did you mean "idle-only"\?\nallowed: /],
    [["switch", "nihgt"], 1, /there is no set of policies "nihgt"; did you mean "night"\?/],
    [["enable", "wild", "--options", "[1]"], 2, /Give a JSON object, such as '\{"key": 1\}'\./],
    [["enable", "wild", "--options", "{key"], 2, /Give a JSON object/],
    [["show"], 2, /^vmmsched: missing required argument 'name'\nSee: vmmsched plugins show --help\n$/],
    [["list", "-c", "x.yaml"], 2, /'--socket <path>' cannot be used with option '-c, --config <file>'/],
    [
      ["lsit"],
      2,
      /^vmmsched: unknown command 'lsit'\n\(Did you mean list\?\)\nSee: vmmsched plugins --help\n$/,
    ],
  ];
  for (const [args, code, said] of failing) {
    it(`${args.join(" ")} ends with ${code}`, async () => {
      const { exitCode, stdout, stderr } = await plugins(...args);
      assert.deepEqual([exitCode, stdout], [code, ""]);
      assert.match(stderr, said);
      assert.ok(!scheduler.asked.some(([call]) => call === "enable"));
    });
  }

  it("find the scheduler by its configuration, relative to that file", async () => {
    const file = join(place.directory, "vmmsched.yaml");
    writeFileSync(file, "runtimeDirectory: .\n");
    const { exitCode, stdout } = await runWith({}, "plugins", "list", "-c", file);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^policies: /);
  });

  it("say what to do when no scheduler runs", async () => {
    const file = join(place.directory, "vmmsched.yaml");
    writeFileSync(file, "runtimeDirectory: ./run\n");
    const { exitCode, stdout, stderr } = await runWith({}, "plugins", "list", "-c", file);
    assert.deepEqual([exitCode, stdout], [1, ""]);
    const said = stderr.replaceAll(/\s+/g, " ");
    assert.ok(said.includes(`there is no control socket at ${place.directory}/run/control.sock.`), said);
    assert.ok(said.includes("Is `vmmsched run` running?"), said);
  });
});

describe("vmmsched plugins, its help", () => {
  for (const args of [
    [],
    ...["list", "show", "enable", "disable", "switch", "restore"].map((name) => [name]),
  ]) {
    it(`has examples: plugins ${args.join(" ")}`, async () => {
      const { exitCode, stdout, stderr } = await runWith({}, "plugins", ...args, "--help");
      assert.deepEqual([exitCode, stderr], [0, ""]);
      assert.match(stdout, /Examples?:\n {2}vmmsched plugins /);
      for (const line of stdout.split("\n")) assert.ok(line.length <= 110, line);
    });
  }

  it("is what plugins without more says, with exit code 2", async () => {
    const { exitCode, stdout, stderr } = await runWith({}, "plugins");
    assert.deepEqual([exitCode, stdout], [2, ""]);
    assert.match(stderr, /^Usage: vmmsched plugins /);
  });
});

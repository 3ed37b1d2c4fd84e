import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkLimits, checkPlugin } from "../../../core/authoring/check-plugin.js";
import { checkSteps, type CheckReport } from "../../../core/authoring/check-report.js";
import { scaffold } from "../../../core/authoring/scaffold.js";
import { inRepository } from "../../repository.js";
import { PluginFolder } from "../plugins/plugin-folder.js";

const sound = "export default { decide: () => [] };";

function results({ steps }: CheckReport): Readonly<Record<string, string>> {
  return Object.fromEntries(steps.map(({ name, result }) => [name, result]));
}

function problems({ steps }: CheckReport): string {
  return steps.flatMap((step) => step.problems).join("\n");
}

/** Dead processes that nobody has waited for yet are still there as zombies. */
function runs(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && !readFileSync(stat, "utf8").includes(") Z ");
}

describe("plugins check", function () {
  this.timeout(120_000);

  it("finds a minimal policy fit, in five steps", async () => {
    using folder = new PluginFolder();
    const report = await checkPlugin(folder.add("minimal", {}, sound));
    assert.deepEqual(
      [report.fit, report.name, report.version, report.kind],
      [true, "minimal", "1.0.0", "policy"],
    );
    assert.deepEqual(
      report.steps.map(({ name }) => name),
      checkSteps,
    );
  });

  it("finds every bundled plugin fit", async () => {
    for (const kind of ["plugins", "guest-profiles"]) {
      for (const name of readdirSync(inRepository(`dist/${kind}`))) {
        const report = await checkPlugin(inRepository(`dist/${kind}/${name}`));
        assert.ok(report.fit, `${name}: ${problems(report)}`);
      }
    }
  });

  const options = { type: "object", required: ["name"], properties: { name: { type: "string" } } };
  const unfit: readonly (readonly [
    title: string,
    step: (typeof checkSteps)[number],
    manifest: object,
    code: string,
    said: RegExp,
  ])[] = [
    [
      "a manifest of no kind",
      "manifest",
      { kind: "polcy" },
      sound,
      /plugin\.json:2:3 \/kind\n.*did you mean "policy"\?/s,
    ],
    ["a plugin API of tomorrow", "manifest", { api: "^99.0.0" }, sound, /wants plugin API \^99\.0\.0/],
    [
      "no example of options that must be given",
      "manifest",
      { options },
      sound,
      /no example of them .*"examples": \[/s,
    ],
    [
      "an example that its own options refuse",
      "manifest",
      { options: { ...options, examples: [{ name: "a" }, { name: 5 }] } },
      sound,
      /^\/options\/examples\/1\/name\n {2}found 5/,
    ],
    ["code that is none", "code", {}, "export default {\n  decide: (=> [],\n};", /index\.js:2:\d+\n/],
    [
      "an import of node:fs",
      "code",
      {},
      `import "node:fs";\n${sound}`,
      /index\.js:1:\d+\n.*policies are pure/s,
    ],
    ["an entry that is not there", "code", { entry: "main.js" }, sound, /no file "main\.js"/],
    [
      "code that throws when it is imported",
      "contract",
      {},
      `throw new Error("no");\n${sound}`,
      /^import of its entry: no\nat .*\/index\.js:1:7/,
    ],
    ["no function decide", "contract", {}, "export default {};", /has no function decide, as a policy must/],
    [
      "a clock",
      "contract",
      {},
      "export default {\n  decide() {\n    return Date.now() ? [] : [];\n  },\n};",
      /^asks for no time.*: it used Date; time is host\.timeNs\nat .*\/index\.js:3:17\)/,
    ],
    [
      "wishes that are none",
      "contract",
      {},
      "export default { decide: () => [1] };",
      /^decides on an empty host \(and \d+ more parts of the contract\): found 1 among the wishes/,
    ],
    [
      "an end of its thread",
      "contract",
      {},
      "export default { decide: () => process.exit(3) };",
      /empty host: it ended its thread \(process\.exit 3\)/,
    ],
    [
      "more memory than there is",
      "contract",
      {},
      "const all = [];\nexport default { decide() { for (;;) all.push(new Array(1000).fill(0.5)); } };",
      /empty host: it ended its thread: .*memory/,
    ],
  ];
  for (const [title, step, manifest, code, said] of unfit) {
    it(`finds ${title} in the step ${step}`, async () => {
      using folder = new PluginFolder();
      const report = await checkPlugin(folder.add("unfit", manifest, code));
      assert.match(problems(report), said);
      assert.deepEqual([report.fit, results(report)[step]], [false, "failed"]);
      const before = checkSteps.slice(0, checkSteps.indexOf(step));
      for (const each of before) assert.equal(results(report)[each], "ok", each);
    });
  }

  it("gives up a policy that never answers", async () => {
    using folder = new PluginFolder();
    const looping = folder.add("looping", {}, "export default { decide() { for (;;); } };");
    const report = await checkPlugin(looping, { ...checkLimits, contractPartMs: 2000 });
    assert.match(problems(report), /^decides on an empty host: it did not end within 2 s: does it loop/);
  });

  it("skips what cannot be tried, and goes on with the rest", async () => {
    using folder = new PluginFolder();
    const noManifest = folder.add("no-manifest", {}, sound);
    rmSync(join(noManifest, "plugin.json"));
    const report = await checkPlugin(noManifest);
    assert.deepEqual([report.name, report.version, report.fit], ["no-manifest", undefined, false]);
    assert.deepEqual(Object.values(results(report)), ["failed", "skipped", "skipped", "skipped", "skipped"]);
    const unfinished = await checkPlugin(folder.add("unfinished", { options }, sound));
    assert.deepEqual(Object.values(results(unfinished)), ["failed", "ok", "ok", "skipped", "ok"]);
  });

  it("runs the plugin's own tests, and says where they fail", async () => {
    using folder = new PluginFolder();
    const tested = folder.add("tested", {}, sound);
    const test = (title: string, line: string) => {
      const file = join(tested, `${title}.test.ts`);
      writeFileSync(
        file,
        `import { it } from "node:test";\nimport policy from "./index.js";\nit("${title}", () => {\n${line}\n});\n`,
      );
    };
    test("passes", "  const found: number = policy.decide().length;\n  if (found !== 0) throw new Error();");
    const fine = await checkPlugin(tested);
    assert.deepEqual([problems(fine), fine.steps.at(-1)?.notes], ["", ["1 passed"]]);
    test("fails", '  throw new Error("as it must");');
    const report = await checkPlugin(tested);
    assert.deepEqual([report.fit, results(report).tests], [false, "failed"]);
    assert.match(problems(report), /failing tests:.*as it must.*fails\.test\.ts:4:9/s);
  });

  it("ends tests that do not end, with all that they have started", async () => {
    using folder = new PluginFolder();
    const endless = folder.add("endless", {}, sound);
    const pidFile = join(folder.path, "pid");
    writeFileSync(
      join(endless, "index.test.js"),
      `import { writeFileSync } from "node:fs";\nwriteFileSync(${JSON.stringify(pidFile)}, String(process.pid));\nfor (;;);\n`,
    );
    const report = await checkPlugin(endless, { ...checkLimits, testsMs: 5000 });
    assert.match(problems(report), /did not end within 5 s/);
    assert.ok(!runs(Number(readFileSync(pidFile, "utf8"))));
  });

  it("has the compiler check the types of policy and tests", async () => {
    using folder = new PluginFolder();
    const typed = scaffold({ kind: "policy", name: "typed", directory: folder.path, typescript: true });
    const file = join(typed, "index.ts");
    writeFileSync(file, readFileSync(file, "utf8").replace("options.busyPercent", "options.busyPrecent"));
    const report = await checkPlugin(typed);
    assert.equal(results(report).types, "failed");
    assert.match(problems(report), /\/typed\/index\.ts:\d+:\d+: TS2551: .*'busyPrecent'.*'busyPercent'/);
  });

  it("leaves nothing behind", async () => {
    using folder = new PluginFolder();
    const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith("vmmsched-check-"));
    const before = left();
    await checkPlugin(folder.add("sound", {}, sound));
    await checkPlugin(folder.add("broken", {}, "oops"));
    assert.deepEqual(
      left().filter((name) => !before.includes(name)),
      [],
    );
  });
});

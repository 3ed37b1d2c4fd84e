import assert from "node:assert/strict";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import * as core from "../../../core/plugin-api.js";
import { readPluginSource } from "../../../core/plugins/plugin-source.js";
import { restoreStack, stagePlugin } from "../../../core/plugins/stage.js";
import { inRepository } from "../../repository.js";
import { PluginWorkshop, policyCode } from "./plugin-workshop.js";

type Files = Readonly<Record<string, string>>;
const profile = { kind: "guest-profile" };

describe("staged plugins", () => {
  for (const folder of ["dist/plugins/idle-only", "dist/guest-profiles/linux", "plugins/idle-only"]) {
    it(`are those of ${folder}`, async () => {
      using workshop = new PluginWorkshop();
      const staged = stagePlugin(readPluginSource(inRepository(folder)), workshop.staging);
      const { default: plugin } = (await import(staged.entryUrl)) as { default: object };
      assert.ok(staged.kind === "policy" ? "decide" in plugin : "attach" in plugin);
    });
  }

  it("are JavaScript on the lines and columns of the author's TypeScript", () => {
    using workshop = new PluginWorkshop();
    const index = `import type { Policy } from "vmmsched/plugin-api";
import { one, type One } from "./lib/one.ts";
import { type Wish } from "vmmsched/plugin-api";
export { two } from './lib/two.js';

const ü: One = one; void import("./lib/two.ts");
export default { decide: (): Wish[] => [] } satisfies Policy;
`;
    workshop.policy(
      "p",
      {},
      {
        "index.ts": index,
        "lib/one.ts": "export type One = number;\nexport const one: One = 1;",
        "lib/two.ts": 'export * from "./one.js";\nexport const two = 2;',
        "lib/unused.ts": "not even ( TypeScript",
      },
    );
    const staged = workshop.stage("p");
    assert.deepEqual(staged.modules, ["index.ts", "lib/one.ts", "lib/two.ts"]);
    assert.deepEqual(
      readFileSync(fileURLToPath(staged.entryUrl), "utf8").replaceAll(/ +$/gm, "").split("\n"),
      [
        "",
        'import { one,          } from "./lib/one.js";',
        "                                               ;",
        "export { two } from './lib/two.js';",
        "",
        'const ü      = one; void import("./lib/two.js");',
        "export default { decide: ()         => [] }                 ;",
        "",
      ],
    );
  });

  it("are named by their content, and shared by all with the same", () => {
    using workshop = new PluginWorkshop();
    workshop.policy("a/p");
    workshop.policy("b/p", {}, { "index.js": policyCode(), "README.md": "is not part of it" });
    workshop.policy("c/p", {}, { "index.js": policyCode("other") });
    workshop.policy("d/p", { version: "1.0.1" });
    const [a, b, c, d] = ["a/p", "b/p", "c/p", "d/p"].map((folder) => workshop.stage(folder));
    assert.equal(a!.directory, b!.directory);
    assert.equal(new Set([a, c, d].map((staged) => staged!.hash)).size, 3);
    assert.match(a!.directory, /\/p-[0-9a-f]{16}$/);
    assert.equal(statSync(dirname(a!.directory)).mode & 0o777, 0o700);
  });

  it("share the classes of core", async () => {
    using workshop = new PluginWorkshop();
    workshop.policy("p", profile, {
      "index.ts": `import { AddressSpace, VmmschedError } from "vmmsched/plugin-api";
export const classes = { AddressSpace, VmmschedError };
export default { attach() {} };`,
    });
    const { classes } = (await import(workshop.stage("p").entryUrl)) as { classes: Partial<typeof core> };
    assert.equal(classes.AddressSpace, core.AddressSpace);
    assert.equal(classes.VmmschedError, core.VmmschedError);
  });

  const fine: readonly (readonly [string, object, Files])[] = [
    ["an entry that is .ts where the manifest says .js", {}, { "index.ts": policyCode() }],
    ["a byte-order mark", {}, { "index.ts": `\uFEFF${policyCode()}` }],
    [
      "Windows line ends",
      {},
      { "index.ts": "const a: number = 1;\r\nexport default { decide: () => [a] };\r\n" },
    ],
    [
      "top-level await and import.meta",
      {},
      { "index.js": `await 0; void import.meta.url;\n${policyCode()}` },
    ],
    [
      "a default export by name",
      {},
      { "index.js": "const p = { decide() {} };\nexport { p as default, p as q };" },
    ],
    [
      "a default export from another module",
      {},
      { "index.js": 'export { default } from "./p.js";', "p.js": policyCode() },
    ],
    [
      "a function as default export",
      {},
      { "index.js": "export default async function* decide() {}\nexport const a = 1" },
    ],
    ["an arrow function as default export", {}, { "index.js": "export default (host) => host\n" }],
    [
      "an anonymous class as default export",
      {},
      { "index.js": "const a = 1\nexport default class { static decide() {} }" },
    ],
    [
      "every form of export",
      {},
      {
        "index.js": `export let { a, b: [c] } = { a: 1, b: [2] };\nexport /* . */ { a as d };\nexport function f() {}\n${policyCode()}`,
      },
    ],
    [
      "modules that import each other",
      {},
      { "index.js": `import "./a.js";\n${policyCode()}`, "a.js": 'import "./index.js";' },
    ],
    [
      "exports behind the word, names behind values, computed names",
      {},
      {
        "index.js":
          "/* export */ export const a = 1, b = { export: 2 }.export;\n// export\nexport let exported = a, { [(() => 'b')()]: c, d = a } = { b };\n" +
          `export async /* { */ function * g() {}\nexport { a as "x y", g as h }; export class K {}\nexport * as own from "./p.js";\n${policyCode()}`,
        "p.js": "export var x, y; export // default\n default (1, x)\n",
      },
    ],
    [
      "@ and export in text",
      {},
      { "index.js": `const a = "@x export {"; /* @y */ const r = /@[^/]/;\n${policyCode()}` },
    ],
  ];
  for (const [title, manifest, files] of fine) {
    it(`may have ${title}`, async () => {
      using workshop = new PluginWorkshop();
      workshop.policy("p", manifest, files);
      const module = (await import(workshop.stage("p").entryUrl)) as object;
      assert.ok("default" in module);
    });
  }

  const refused: readonly (readonly [string, object, Files, RegExp])[] = [
    ["a broken manifest", { kind: "x" }, {}, /plugin\.json:2:3 \/kind/],
    [
      "no entry",
      { entry: "main.ts" },
      { "index.ts": "" },
      /plugin\.json:7:3\n {4}\/entry: there is no file "main\.ts"\n {4}modules of the plugin: index\.ts/,
    ],
    [
      "a misspelt entry",
      { entry: "idnex.ts" },
      { "index.ts": "" },
      /there is no file "idnex\.ts"; did you mean "index\.ts"\?/,
    ],
    [
      "no default export",
      {},
      { "index.ts": "export const decide = () => [];" },
      /index\.ts:1:1\n {4}it has no default export; a policy is one/,
    ],
    [
      "a syntax error in TypeScript",
      {},
      { "index.ts": "const a: number = 1;\n  const b = (1 +;\n" },
      /p\/index\.ts:2:17\n {4}Expression expected\n {4}\| {3}const b = \(1 \+;\n {4}\| {17}\^/,
    ],
    [
      "a syntax error in JavaScript",
      {},
      { "index.js": "\n\nlet x = ];" },
      /p\/index\.js:3:9\n {4}Expression expected\n {4}\| let x = \];\n/,
    ],
    [
      "types in JavaScript",
      {},
      { "index.js": `let x: number;\n${policyCode()}` },
      /index\.js:1:6\n {4}a \.js file has no types; name it index\.ts/,
    ],
    [
      "an enum",
      {},
      { "index.ts": "\nenum A { B }" },
      /index\.ts:2:1\n {4}TypeScript enum is not supported in strip-only mode\n {4}types are removed at load and nothing is compiled/,
    ],
    [
      "a parameter property",
      {},
      { "index.ts": "class A { constructor(private a: number) {} }" },
      /:1:31\n {4}TypeScript parameter property/,
    ],
    [
      "a decorator",
      {},
      { "index.ts": `\n  @dec class A {}\n${policyCode()}` },
      /index\.ts:2:3\n {4}decorators are not supported\n/,
    ],
    [
      "a decorated method",
      {},
      { "index.ts": `class A { @dec m() {} }\n${policyCode()}` },
      /index\.ts:1:11\n {4}decorators are not supported\n/,
    ],
    [
      "a name declared twice",
      {},
      { "index.ts": `const a: number = 1;\nexport const a = 2;\n${policyCode()}` },
      /index\.ts:2:14\n {4}Identifier 'a' has already been declared/,
    ],
    [
      "a missing module",
      {},
      { "index.ts": 'import "./halper.ts";', "helper.ts": "" },
      /index\.ts:1:9\n {4}there is no file "halper\.ts"; did you mean "helper\.ts"\?\n {4}modules of the plugin: helper\.ts, index\.ts/,
    ],
    [
      "an import without its ending",
      {},
      { "index.ts": 'import "./lib/helper";', "lib/helper.ts": "" },
      /there is no file "lib\/helper"; did you mean "lib\/helper\.ts"\?/,
    ],
    [
      "an import of data",
      {},
      { "index.ts": 'import a from "./a.json" with { type: "json" };', "a.json": "{}" },
      /"\.\/a\.json" is no module/,
    ],
    [
      "an import from above its folder",
      {},
      { "index.ts": 'import "../p/../x.js";' },
      /:1:9\n {4}"\.\.\/p\/\.\.\/x\.js" leads out of the plugin's folder/,
    ],
    [
      "an absolute import",
      {},
      { "index.ts": 'import "/etc/x.js";' },
      /a policy may not import "\/etc\/x\.js", which is not one of the plugin's files/,
    ],
    [
      "an import by URL",
      {},
      { "index.ts": 'import "data:text/javascript,1";' },
      /a policy may not import "data:text\/javascript,1"/,
    ],
    [
      "a computed import",
      {},
      { "index.ts": 'const x = await import("./" + a);' },
      /:1:24\n {4}import\(\) needs a plain string/,
    ],
    [
      "a template import",
      {},
      { "index.ts": "const x = await import(`./${a}.js`);" },
      /import\(\) needs a plain string/,
    ],
    [
      "Node.js in a policy",
      {},
      { "index.ts": 'const a = 1;\nimport { readFileSync } from "node:fs";' },
      /p\/index\.ts:2:31\n {4}a policy may not import "node:fs", which is a module of Node\.js\n {4}policies are pure/,
    ],
    [
      "Node.js in an export",
      {},
      { "index.ts": 'export * from "fs";' },
      /a policy may not import "fs", which is a module of Node\.js/,
    ],
    [
      "a package in a policy",
      {},
      { "index.ts": 'import _ from "lodash";' },
      /a policy may not import "lodash"/,
    ],
    [
      "values of the API in a policy",
      {},
      { "index.ts": 'import { Policy } from "vmmsched/plugin-api";' },
      /:1:25\n {4}a policy imports only types from "vmmsched\/plugin-api": write import type/,
    ],
    [
      "Node.js in a guest profile",
      profile,
      { "index.ts": 'import zlib from "node:zlib";' },
      /a guest-profile may not import "node:zlib".*\n {4}allowed in a guest profile: "vmmsched\/plugin-api", "node:timers\/promises" and own files/,
    ],
    [
      "vmmsched's own files in a guest profile",
      profile,
      { "index.ts": 'import "vmmsched/testing";' },
      /a guest-profile may not import "vmmsched\/testing"/,
    ],
    [
      "two modules that become one",
      {},
      { "index.ts": 'import "./a.ts"; import "./a.js";', "a.ts": "", "a.js": "" },
      /a\.js:1:1\n {4}a\.ts is used too; use only one of the two/,
    ],
  ];
  for (const [title, manifest, files, said] of refused) {
    it(`are refused with ${title}`, () => {
      using workshop = new PluginWorkshop();
      workshop.policy("p", manifest, files);
      assert.throws(() => workshop.stage("p"), { code: "ERR_PLUGIN_INVALID", message: said });
    });
  }

  it("are refused with all that is wrong in all modules at once", () => {
    using workshop = new PluginWorkshop();
    workshop.policy(
      "p",
      {},
      {
        "index.ts": 'import "./a.ts"; import "node:fs"; import "./b.ts"; import "./nothing.ts";',
        "a.ts": "let x = ];",
        "b.ts": 'import "lodash";',
      },
    );
    assert.throws(
      () => workshop.stage("p"),
      (error: Error) => {
        const places = [...error.message.matchAll(/^ {2}\S*\/p\/(\S+)$/gm)].map(([, place]) => place);
        assert.deepEqual(places, ["index.ts:1:26", "index.ts:1:61", "index.ts:1:1", "a.ts:1:9", "b.ts:1:9"]);
        return error.message.startsWith("5 errors in the code of");
      },
    );
  });

  it("let stacks speak of the author's files", async () => {
    using workshop = new PluginWorkshop();
    // A path that is written otherwise in a URL.
    const folder = "my plugins/p";
    mkdirSync(workshop.at("my plugins"));
    workshop.policy(
      folder,
      {},
      {
        "index.ts": 'import { fail } from "./lib/fail.ts";\nexport default { decide: (): void => fail(1) };',
        "lib/fail.ts":
          "interface Unused {\n  a: number;\n}\n\nexport function fail(why: number): never {\n  throw new Error(`it is ${why}`);\n}",
      },
    );
    const staged = workshop.stage(folder);
    const worker = new Worker(
      `const { parentPort, workerData } = require("node:worker_threads");
       import(workerData).then((m) => m.default.decide()).catch((error) => parentPort.postMessage(error.stack));`,
      { eval: true, workerData: staged.entryUrl },
    );
    const stack = await new Promise<string>((resolve) => worker.once("message", resolve));
    await worker.terminate();
    const restored = restoreStack(stack, staged);
    const frames = restored.split("\n").filter((line) => line.includes(workshop.path));
    assert.deepEqual(
      frames.map((line) => line.trim()),
      [
        `at fail (${join(workshop.at(folder), "lib/fail.ts")}:6:9)`,
        `at Object.decide (${join(workshop.at(folder), "index.ts")}:2:38)`,
      ],
    );
  });
});

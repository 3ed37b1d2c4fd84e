import assert from "node:assert/strict";
import { isVmmschedError } from "../../../core/errors.js";
import { tryProfile } from "../../../core/policies/profile-trial.js";
import { PluginWorkshop } from "../plugins/plugin-workshop.js";

const sound = "export default { attach: async () => undefined };\n";
const limits = { loadMs: 20_000, memoryMb: 32 };
/** For those that are expected to hang. */
const impatientMs = 2_000;

interface Case {
  readonly name: string;
  readonly code: string;
  /** What its author is told. */
  readonly said: RegExp;
}

const refused: readonly Case[] = [
  {
    name: "throws",
    code: "\n\nthrow new RangeError('too far');",
    said: /: import: too far\n {2}at .*\/bad\/index\.ts:3:7/,
  },
  {
    name: "throws what cannot be shown",
    code: "throw Object.create(null);",
    said: /: import: .*cannot be shown/,
  },
  { name: "loops", code: "for (;;);", said: /: import: it did not come to an end within 2 s/ },
  {
    name: "never ends its import",
    code: "await new Promise(() => {});",
    said: /: exit: it waits at its top/,
  },
  {
    name: "rejects, and nobody handles it",
    code: "\nvoid Promise.reject(new Error('left alone'));",
    said: /: import: left alone\n {2}at .*\/bad\/index\.ts:2:/,
  },
  {
    name: "rejects with nothing",
    code: "void Promise.reject(undefined);",
    said: /: import: .*undefined/,
  },
  {
    name: "fills its heap",
    code: "const keep: object[] = []; for (;;) keep.push({ a: [1, 2] });",
    said: /: memory: |: import: it did not come to an end/,
  },
  {
    name: "fills memory with buffers",
    code: "const keep: object[] = []; for (;;) keep.push(new Uint8Array(1e6).fill(1));",
    said: /: memory: |: import: it did not come to an end/,
  },
  {
    name: "keeps too much",
    code: "const keep = new Array(1e7).fill(1.5); export const keeps = () => keep.length;",
    said: /: memory: it keeps more than 32 MB .*\[ERR_PROFILE_FAILED\]/,
  },
  ...["exit(0)", "abort()", "kill(process.pid)", "reallyExit(1)"].map((call) => ({
    name: `calls process.${call}`,
    code: `\n(process as any).${call};`,
    said: new RegExp(
      `: import: process\\.${/^\w+/.exec(call)?.[0] ?? ""}\\(\\) is not for guest profiles.*\\n {2}at .*/bad/index\\.ts:2:`,
    ),
  })),
];

describe("the trial of a guest profile", function () {
  this.timeout(60_000);

  async function attempt(code: string, loadMs = limits.loadMs): Promise<unknown> {
    using workshop = new PluginWorkshop();
    workshop.policy("bad", { kind: "guest-profile", entry: "index.ts" }, { "index.ts": `${code}\n${sound}` });
    try {
      await tryProfile(workshop.stage("bad"), { ...limits, loadMs });
      return undefined;
    } catch (error) {
      return error;
    }
  }

  it("passes one that can be imported, with what it imports itself and prints", async () => {
    const code = [
      'import { setTimeout as sleep } from "node:timers/promises";',
      'import { pageBytes } from "vmmsched/plugin-api";',
      "await sleep(1);",
      "for (let i = 0; i < 10_000; i++) console.log(pageBytes);",
    ].join("\n");
    assert.equal(await attempt(code), undefined);
  });

  for (const { name, code, said } of refused) {
    it(`refuses one that ${name}`, async () => {
      const error = await attempt(code, said.source.includes("did not come") ? impatientMs : undefined);
      assert.ok(isVmmschedError(error, "ERR_PLUGIN_INVALID"), String(error));
      assert.match(error.message, /^guest profile bad could not be loaded: /);
      assert.match(error.message, said);
    });
  }

  it("refuses one without a default export that attaches", async () => {
    using workshop = new PluginWorkshop();
    workshop.policy("bad", { kind: "guest-profile" }, { "index.js": "export default { attach: 1 };" });
    await assert.rejects(tryProfile(workshop.stage("bad"), limits), /import: .*no function attach/);
  });
});

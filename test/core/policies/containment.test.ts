import assert from "node:assert/strict";
import { holdAll, PolicyHost, until } from "./policy-host.js";

interface Case {
  readonly name: string;
  readonly code: string;
  /** What its author is told. */
  readonly said: RegExp;
}

/** How long those may take to load and to answer that are expected to hang, and the others, however busy the computer is. */
const impatientMs = 2_000;
const impatientAnswerMs = 500;
const patientMs = 20_000;

const inDecide = (body: string, reason = "bad") => `let n = 0; const keep = [];\n${holdAll(reason, body)}`;

/** Refused before it is ever asked: the version before goes on without a tick's interruption. */
const refused: readonly Case[] = [
  {
    name: "throws at import",
    code: "throw new Error('at import'); export default 5",
    said: /^import: at import\n {2}at .*bad\/index\.js:1/,
  },
  { name: "throws null at import", code: "throw null; export default 5", said: /^import: null/ },
  {
    name: "throws what cannot be shown",
    code: "throw Object.create(null); export default 5",
    said: /^import: something that cannot be shown/,
  },
  { name: "exports no policy", code: "export default 5", said: /^import: .*no function decide/ },
  {
    name: "loops at import",
    code: "for (;;); export default 5",
    said: /^import: it did not come to an end within/,
  },
  {
    name: "never ends its import",
    code: "await new Promise(() => {}); export default {}",
    said: /^exit: it waits at its top level/,
  },
  {
    name: "runs microtasks without end",
    code: "const f = () => Promise.resolve().then(f); await f(); export default 5",
    // Their queue takes memory: on a fast machine that shows first.
    said: /^import: it did not come to an end|^memory: /,
  },
  {
    name: "rejects, and nobody handles it",
    code: "Promise.reject(new Error('left alone'));\nconst empty = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);\nawait WebAssembly.compile(empty); for (;;); export default 5",
    said: /^import: left alone\n {2}at .*bad\/index\.js:1/,
  },
  {
    name: "throws at init",
    code: "export default { init() { throw new Error('at init') }, decide: () => [] }",
    said: /^init: at init\n {2}at .*bad\/index\.js:1/,
  },
  {
    name: "loops at init",
    code: "export default { init() { for (;;); }, decide: () => [] }",
    said: /^init: it did not come to an end/,
  },
  {
    name: "throws in rehearsal",
    code: inDecide("if (n++ === 1) throw new Error('second');"),
    said: /^rehearsal: second/,
  },
  { name: "loops in rehearsal", code: inDecide("for (;;);"), said: /^rehearsal: it did not come to an end/ },
  {
    name: "recurses without end",
    code: inDecide("(function f() { f(); f(); })();"),
    said: /^rehearsal: Maximum call stack/,
  },
  {
    name: "sets a timer",
    code: "setInterval(() => {}, 1); export default { decide: () => [] }",
    said: /^import: setInterval\(\) is not for policies/,
  },
  {
    name: "allocates shared memory",
    code: inDecide("keep.push(new SharedArrayBuffer(1e6));"),
    said: /^rehearsal: SharedArrayBuffer is not for policies/,
  },
  {
    name: "allocates memory for WebAssembly",
    code: inDecide("keep.push(new WebAssembly.Memory({ initial: 100 }));"),
    said: /^rehearsal: WebAssembly.Memory is not for policies/,
  },
  {
    name: "is asynchronous",
    code: "export default { async decide() { return [] } }",
    said: /^rehearsal: decide returned a promise/,
  },
  {
    name: "fills its heap with objects",
    code: inDecide("for (;;) keep.push({ a: 1, b: [1, 2] });"),
    said: /^(memory|rehearsal): /,
  },
  {
    name: "fills its heap with a map",
    code: inDecide("const m = new Map(); for (let i = 0; ; i++) m.set(i, i);"),
    said: /^(memory|rehearsal): /,
  },
  {
    name: "fills memory with buffers",
    code: inDecide("for (;;) keep.push(new Uint8Array(1e6).fill(1));"),
    said: /^(memory|rehearsal): /,
  },
  {
    name: "keeps too much from its init on",
    code: "export default { init() { return new Array(1e7).fill(1.5) }, decide: () => [] }",
    said: /^memory: it keeps more than 32 MB/,
  },
  ...[
    "exit(0)",
    "abort()",
    "kill(process.pid)",
    "reallyExit(1)",
    "chdir('/')",
    "setuid(1)",
    "dlopen({}, 'x')",
    "getBuiltinModule('node:fs')",
  ].map((call) => ({
    name: `calls process.${call}`,
    code: `process.${call}; ${holdAll("bad")}`,
    said: new RegExp(
      `^import: process\\.${/^\w+/.exec(call)?.[0] ?? ""}\\(\\) is not for policies.*\\n {2}at .*bad/index\\.js:1`,
    ),
  })),
];

/** Runs for a while, then fails: what it held is released, and the version before is live again. */
const failing: readonly Case[] = [
  {
    name: "throws at the nth decide",
    code: inDecide("if (n++ === 8) throw new Error('the ninth');"),
    said: /^decide: the ninth\n {2}at .*bad\/index\.js:4/,
  },
  {
    name: "loops at the nth decide",
    code: inDecide("if (n++ === 8) for (;;);"),
    said: /^answering: it did not answer for/,
  },
  {
    name: "exits at the nth decide",
    code: inDecide("if (n++ === 8) process.exit();"),
    said: /^decide: process\.exit\(\)/,
  },
  {
    name: "leaks objects from tick to tick",
    code: inDecide("keep.push(new Array(2e5).fill(1.5));"),
    said: /^memory: it keeps more than 32 MB/,
  },
  {
    name: "leaks buffers from tick to tick",
    code: inDecide("keep.push(new Uint8Array(2e6).fill(1));"),
    said: /^memory: it keeps more than 32 MB/,
  },
  {
    name: "leaks a growing map",
    code: inDecide("globalThis.m ??= new Map(); for (let i = 0; i < 2e4; i++) m.set(n++, n);"),
    said: /^memory: it keeps more than 32 MB/,
  },
  {
    name: "fills memory with buffers in one go",
    code: inDecide("if (n++ === 8) for (;;) keep.push(new Uint8Array(1e6).fill(1));"),
    said: /^(memory|answering): /,
  },
  {
    name: "posts garbage in the end",
    code: inDecide("if (n++ === 8) return [{ kind: 'hold', target: { row: NaN } }];"),
    said: /^decide: a wish has a target that is no/,
  },
  {
    name: "posts ten million wishes in the end",
    code: inDecide(
      "if (n++ === 8) return new Array(1e7).fill({ kind: 'hold', target: host.domains[0].processes[0] });",
    ),
    said: /^decide: decide made more than 1024 wishes/,
  },
  {
    name: "cannot be shown what it throws",
    code: inDecide("if (n++ === 8) throw { toString() { throw 1 } };"),
    said: /^decide: something that cannot be shown/,
  },
  {
    name: "breaks what stacks are made with",
    code: inDecide("if (n++ === 8) { Error.prepareStackTrace = () => { throw 1 }; throw new Error('odd'); }"),
    said: /^decide: /,
  },
];

const sound = holdAll("good");

describe("a policy that fails harms only itself", function () {
  this.timeout(60_000);

  for (const { name, code, said } of refused)
    it(`${name}: refused, the version before goes on`, async () => {
      const loadMs = said.source.includes("did not come to an end") ? impatientMs : patientMs;
      await using host = new PolicyHost({ loadMs }, patientMs);
      await host.supervisor.want([host.spec("bad", sound)]);
      await host.cycle.ticks();
      await host.supervisor.want([host.spec("bad", code)]);
      const { reasons } = await host.cycle.ticks();
      assert.deepEqual(Object.keys(reasons), ["bad: good"]);
      const status = host.supervisor.status("bad");
      assert.equal(status?.state, "active");
      assert.equal(status.lastReload?.result, "refused");
      assert.match(status.problem ?? "", said);
      assert.equal(status.record, "record 1");
    });

  for (const { name, code, said } of failing)
    it(`${name}: the version before is live again`, async () => {
      const hangMs = said.source.includes("answering") ? impatientAnswerMs : patientMs;
      await using host = new PolicyHost({ provenAfter: 100, stateMs: 500 }, hangMs);
      const before = host.spec("bad", sound);
      await host.supervisor.want([before]);
      await host.nextTicks(150);
      await host.supervisor.want([host.spec("bad", code)]);
      await until(
        () => host.events("policy-rolled-back").length === 1,
        () => host.logged,
      );
      assert.deepEqual(Object.keys((await host.nextTicks()).reasons), ["bad: good"]);
      const status = host.supervisor.status("bad");
      assert.equal(status?.spec?.key, before.key);
      assert.match(status.problem ?? "", said);
      assert.equal(host.faults.length, 1);
    });

  it("floods the console: some lines, then a word on the rest", async () => {
    await using host = new PolicyHost();
    const flood =
      "if (n++ === 8) for (let i = 0; i < 1e6; i++) i % 2 ? console.log('line', i) : process.stdout.write('x');";
    await host.supervisor.want([host.spec("bad", inDecide(flood, "loud"))]);
    const lines = () => host.events("policy-console").map(({ text }) => text);
    await until(() => lines().length > 0);
    const { reasons } = await host.nextTicks(20);
    assert("bad: loud" in reasons && !("" in reasons), JSON.stringify(reasons));
    assert.equal(host.supervisor.status("bad")?.state, "active");
    assert.deepEqual(lines().slice(0, 4), ["x", "line 1", "x", "line 3"]);
    assert.match(lines()[19] ?? "", /^more than 20 lines in a second/);
  });

  it("hands on what a .ts policy threw with its author's file, line and column", async () => {
    await using host = new PolicyHost();
    const code = [
      'import type { HostSnapshot, Policy } from "vmmsched/plugin-api";',
      "interface Memory {\n  readonly ticks: number;\n}",
      "const deep = (memory: Memory | undefined): number => memory!.ticks;",
      "export default { decide(host: HostSnapshot) { deep(undefined); return []; } } satisfies Policy;",
    ].join("\n");
    const spec = host.spec("typed", code, "main.ts");
    await host.supervisor.want([spec]);
    const problem = host.supervisor.status("typed")?.problem ?? "";
    const file = `${spec.plugin.folder}/main.ts`;
    assert.match(problem, /^rehearsal: Cannot read properties of undefined \(reading 'ticks'\)\n/);
    assert.deepEqual(
      problem
        .split("\n")
        .slice(1, 3)
        .map((line) => line.replace(/^.*\(|\)$/g, "")),
      [`${file}:5:62`, `file://${file}:6:47`].map((place) => place.replace("file://", "")),
    );
  });
});

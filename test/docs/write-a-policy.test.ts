import assert from "node:assert/strict";
import { readInRepository } from "../repository.js";
import { guideSteps, hasFields, saysAsExpected } from "./guide.js";
import { GuideReader } from "./guide-reader.js";

const guide = readInRepository("docs/write-a-policy.md");

describe("docs/write-a-policy.md", function () {
  this.timeout(120_000);
  const steps = guideSteps(guide);
  const reader = new GuideReader();
  let broken = false;
  after(() => reader[Symbol.asyncDispose]());

  for (const step of steps) {
    const what = step.kind === "command" ? step.text.trim().split("\n")[0] : step.kind;
    it(`line ${step.line}: ${what ?? ""}`, async function () {
      // Whoever is stuck does not get further either.
      if (broken) this.skip();
      broken = true;
      await reader.follow(step);
      broken = false;
    });
  }

  it("has commands for every one of its steps", () => {
    const count = (kind: string) => steps.filter((step) => step.kind === kind).length;
    assert.ok(count("command") > 8 && count("file") === 4 && count("log") > 3 && count("interrupt") === 1);
  });

  it("names each file just before its content", () => {
    for (const step of steps) {
      if (step.kind !== "file") continue;
      const before = guide.split("\n").slice(Math.max(0, step.line - 5), step.line - 1);
      assert.ok(before.join("\n").includes(`\`${step.file}\``), step.file);
    }
  });

  it("leads nowhere that is not there", () => {
    const headings = Array.from(guide.matchAll(/^#+ (.+)$/gm), ([, title = ""]) =>
      title.toLowerCase().replaceAll(" ", "-"),
    );
    const anchors = Array.from(guide.matchAll(/\]\(#(.+?)\)/g), ([, anchor = ""]) => anchor);
    assert.ok(anchors.length > 5);
    assert.deepEqual(
      anchors.filter((anchor) => !headings.includes(anchor)),
      [],
    );
  });
});

describe("what a guide says that a command prints", () => {
  const cases: readonly (readonly [found: string, expected: string, same: boolean])[] = [
    ["a  b\nc\n", "a b\nc", true],
    ["a\nb\nc\n", "a\n…\nc", true],
    ["a\nc\n", "a\n…\nc", true],
    ["live 12:00\n", "live …", true],
    ["a\nb\n", "a", false],
    ["a.c\n", "abc", false],
    ["abc\n", "a.c", false],
  ];
  for (const [found, expected, same] of cases) {
    it(`is ${same ? "" : "not "}${JSON.stringify(expected)} when it prints ${JSON.stringify(found)}`, () => {
      assert.equal(saysAsExpected(found, expected), same);
    });
  }

  it("may be some fields of a line of the log", () => {
    const line = { event: "hold", pid: 7, error: "in a.ts:\n no" };
    assert.ok(hasFields(line, { event: "hold", pid: 7 }));
    assert.ok(hasFields(line, { error: "in ….ts: no" }));
    assert.ok(!hasFields(line, { event: "release" }) && !hasFields(line, { tid: 7 }));
  });
});

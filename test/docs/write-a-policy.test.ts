import assert from "node:assert/strict";
import { stepCounts, testGuide } from "./follow-guide.js";
import { hasFields, saysAsExpected } from "./guide.js";

describe("docs/write-a-policy.md", function () {
  this.timeout(120_000);
  const steps = testGuide("docs/write-a-policy.md");

  it("has commands for every one of its steps", () => {
    const { command, file, log, interrupt } = stepCounts(steps);
    assert.ok(command > 8 && file === 4 && log > 3 && interrupt === 1);
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

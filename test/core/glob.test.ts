import assert from "node:assert/strict";
import { glob, globs } from "../../core/glob.js";

describe("glob", () => {
  const cases: readonly (readonly [pattern: string, name: string, matches: boolean])[] = [
    ["*", "", true],
    ["*", "anything\nat all", true],
    ["burn-*", "burn-1", true],
    ["burn-*", "sunburn-1", false],
    ["pv?", "pv1", true],
    ["pv?", "pv12", false],
    ["a.c", "abc", false],
    ["a[b]+(c)", "a[b]+(c)", true],
    ["PV1", "pv1", false],
  ];
  for (const [pattern, name, matches] of cases) {
    it(`${pattern} ${matches ? "matches" : "does not match"} ${JSON.stringify(name)}`, () => {
      assert.equal(glob(pattern)(name), matches);
    });
  }

  it("excludes after including", () => {
    const managed = globs(["pv*", "hvm1"], ["pv9"]);
    assert.deepEqual(["pv1", "pv9", "hvm1", "hvm2"].filter(managed), ["pv1", "hvm1"]);
  });
});

import assert from "node:assert/strict";
import { jsonLine, printable, wrapLines } from "../../../core/cli/terminal.js";

describe("terminal", () => {
  const names: readonly (readonly [name: string, shown: string])[] = [
    ["burn-1", "burn-1"],
    ["a\u001b[2Jb", "a\\x1b[2Jb"],
    ["a\nb\tc", "a\\x0ab\\x09c"],
    ["\u009b31m", "\\x9b31m"],
    ["\u007f", "\\x7f"],
    ["\u202egpj", "\\u202egpj"],
    ["größe", "größe"],
  ];
  for (const [name, shown] of names) {
    it(`shows ${JSON.stringify(name)} as ${shown}`, () => {
      assert.equal(printable(name), shown);
    });
  }

  it("prints JSON that cannot steer a terminal and reads back as it was", () => {
    const value = { name: "\u009b31m\u001b[2J\u202e\u007f" };
    const line = jsonLine(value);
    assert.match(line, /^[ -~]+$/);
    assert.deepEqual(JSON.parse(line), value);
  });

  it("wraps at spaces and keeps the indentation", () => {
    assert.equal(wrapLines("  aaa bbb ccc\nd", 9), "  aaa bbb\n  ccc\nd");
    assert.equal(wrapLines("unbreakable", 4), "unbreakable");
  });
});

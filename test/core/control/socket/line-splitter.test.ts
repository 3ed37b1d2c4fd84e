import assert from "node:assert/strict";
import { LineSplitter } from "../../../../core/control/socket/line-splitter.js";

function split(longestBytes: number, ...chunks: string[]): readonly [lines: string[], rest: string] {
  const splitter = new LineSplitter(longestBytes);
  const lines: string[] = [];
  for (const chunk of chunks) {
    splitter.push(Buffer.from(chunk, "latin1"));
    for (let line = splitter.next(); line !== undefined; line = splitter.next()) lines.push(line);
  }
  return [lines, splitter.rest().toString("latin1")];
}

describe("line splitter", () => {
  const cases: readonly (readonly [chunks: readonly string[], lines: readonly string[], rest: string])[] = [
    [[], [], ""],
    [["a"], [], "a"],
    [["a\n"], ["a"], ""],
    [["a", "b", "\n", "c"], ["ab"], "c"],
    [["a\nb\n\nc\nd"], ["a", "b", "", "c"], "d"],
    [["\n", "\n"], ["", ""], ""],
    [["g\xc3", "\xb6\n"], ["gö"], ""],
    [["abcd\nabcd", "\n"], ["abcd", "abcd"], ""],
  ];
  for (const [chunks, lines, rest] of cases) {
    it(`cuts ${JSON.stringify(chunks)} into ${JSON.stringify(lines)}`, () => {
      assert.deepEqual(split(4, ...chunks), [lines, rest]);
    });
  }

  for (const chunks of [["abcde"], ["abcde\n"], ["ab", "cd", "e"], ["a\nabcde"]]) {
    it(`refuses ${JSON.stringify(chunks)} where 4 bytes are the most`, () => {
      assert.throws(() => split(4, ...chunks), { code: "ERR_CONTROL_PROTOCOL" });
    });
  }
});

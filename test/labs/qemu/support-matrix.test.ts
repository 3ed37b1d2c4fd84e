import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "mocha";
import { parseResults, spreadOf, type HoldResult } from "./hold-results.js";
import { formatMatrix, matrixFile, matrixPage, merge, showMatrix, withMatrix } from "./support-matrix.js";

const ms = { median: 10, p95: 20, most: 30 };
const result: HoldResult = {
  series: "6.1",
  kernel: "6.1.0",
  vcpus: 1,
  method: "trap",
  wake: "interrupt",
  work: "burner",
  cycles: 2000,
  told: 20,
  holdMs: ms,
  releaseMs: { ...ms, median: 40 },
  notNow: { "lock held": 3 },
};

describe("the support matrix of docs/linux.md", () => {
  it("is what docs/support-matrix.json gives", async () => {
    const text = await readFile(matrixFile, "utf8");
    const results = parseResults(text);
    const page = await readFile(matrixPage, "utf8");
    assert.equal(withMatrix(page, results), page);
    assert.equal(formatMatrix(merge(results)), text);
  });

  it("shows the least that each work has reached, by kernel, method and vCPUs", () => {
    const results = [
      result,
      { ...result, work: "sleeper", cycles: 1999 },
      { ...result, wake: "tick" as const, cycles: 200 },
      { ...result, vcpus: 2, method: "unlink" as const },
    ];
    const lines = showMatrix(merge(results)).split("\n");
    assert.deepEqual(lines.slice(0, 5), [
      "| Kernel | Method       | 1 vCPU     | 2 vCPUs  |",
      "| ------ | ------------ | ---------- | -------- |",
      "| 6.1.0  | `trap`       | 1999 + 200 | not run  |",
      "| 6.1.0  | `deschedule` | not run    | not run  |",
      "| 6.1.0  | `unlink`     | not run    | 2000 + 0 |",
    ]);
    assert.ok(lines.some((line) => /^\| burner +\| 10 to 10 +\| 40 to 40 +\| - /.test(line)));
  });

  it("tells what went wrong, though other works went well", () => {
    const failed = { ...result, work: "sleeper", cycles: 7, failure: "it used 5 ns while held" };
    assert.match(showMatrix([result, failed]), /\| sleeper, after 7: it used 5 ns while held \|/);
  });

  it("tells why there is nothing to tell, without details", () => {
    const refused = { ...result, cycles: 0, failure: "its pressure accounting is not known: no psi_group" };
    assert.match(showMatrix([refused]), /\| no: its pressure accounting is not known \|/);
  });

  it("takes the later result of a cell", () => {
    const again = { ...result, kernel: "6.1.1", cycles: 5 };
    assert.deepEqual(merge([result, again]), [again]);
  });

  it("is refused a page that has no place for it", () => {
    assert.throws(() => withMatrix("# Linux\n", [result]), /expected the lines <!-- support matrix/);
  });
});

describe("a spread of times", () => {
  it("is median, 95 % and most, whatever the order", () =>
    assert.deepEqual(spreadOf(Array.from({ length: 101 }, (_, i) => 100 - i)), {
      median: 50,
      p95: 95,
      most: 100,
    }));
  it("of none is 0", () => assert.deepEqual(spreadOf([]), { median: 0, p95: 0, most: 0 }));
});

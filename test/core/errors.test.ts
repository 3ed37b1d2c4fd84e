import assert from "node:assert/strict";
import { errorTable, isVmmschedError, VmmschedError } from "../../core/errors.js";
import { readInRepository } from "../repository.js";

describe("errors", () => {
  it("are documented in docs/errors.md: one heading a code, with the sentence of the table below it", () => {
    const documented = [...readInRepository("docs/errors.md").matchAll(/^## (ERR_[A-Z_]+)\n\n(.+)\.$/gm)];
    const table: Readonly<Record<string, string>> = Object.fromEntries(
      documented.map(([, code = "", sentence = ""]) => [code, sentence]),
    );
    assert.deepEqual(Object.keys(table), Object.keys(errorTable), "codes, in the order of errorTable");
    for (const [code, meaning] of Object.entries(errorTable)) {
      assert.equal(table[code]?.toLowerCase(), meaning.toLowerCase(), code);
    }
  });

  it("carry their code in the message", () => {
    const error = new VmmschedError("ERR_DOMAIN_GONE", "domain 3 is gone", { domain: 3 });
    assert.equal(error.message, "domain 3 is gone [ERR_DOMAIN_GONE]");
    assert.ok(isVmmschedError(error, "ERR_DOMAIN_GONE"));
    assert.ok(!isVmmschedError(error, "ERR_USAGE"));
    assert.ok(!isVmmschedError(new Error("x")));
  });
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { inRepository } from "../repository.js";

describe("files that several plugins have, since a plugin imports nothing but its own", () => {
  for (const file of ["process-pattern.ts", "membership.ts"])
    it(`${file} is the same in all of them`, () => {
      const [first, second] = ["idle-only", "time-quota"].map((plugin) =>
        readFileSync(inRepository(`plugins/${plugin}/${file}`), "utf8"),
      );
      assert.equal(first, second);
    });
});

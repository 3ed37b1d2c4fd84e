import assert from "node:assert/strict";
import fc from "fast-check";
import { host } from "../../../core/testing.js";
import { glob } from "../../../core/glob.js";
import { isIn, processSet, setIn } from "../../../plugins/time-quota/process-pattern.js";

describe("the processes of a budget", () => {
  const text = fc.string({ unit: fc.constantFrom("*", "?", "a", "b", "\n", "\\", "^", "-", ".", "|", "é") });
  const pattern = fc.record({ domain: text, process: text });

  it("are those of which both names match a pattern, as elsewhere in the configuration", () => {
    fc.assert(
      fc.property(
        fc.array(pattern, { minLength: 1, maxLength: 3 }),
        text,
        text,
        (patterns, domain, process) => {
          const set = setIn(processSet(patterns), domain);
          const [seen] = host({ domains: [{ name: domain, processes: [{ name: process }] }] }).domains;
          assert.equal(
            seen?.processes.some((each) => isIn(set, each)),
            patterns.some((each) => glob(each.domain)(domain) && glob(each.process)(process)),
          );
        },
      ),
      { numRuns: 2000 },
    );
  });
});

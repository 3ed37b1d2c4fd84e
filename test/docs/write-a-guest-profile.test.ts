import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { toyFolder } from "../examples/toy.js";
import { inRepository, readInRepository } from "../repository.js";
import { stepCounts, testGuide } from "./follow-guide.js";

describe("docs/write-a-guest-profile.md", function () {
  this.timeout(180_000);
  const steps = testGuide("docs/write-a-guest-profile.md");
  const quoted = new Map(steps.flatMap((step) => (step.kind === "file" ? [[step.file, step.text]] : [])));
  const files = readdirSync(inRepository(toyFolder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|json)$/.test(name))
    .sort();

  for (const name of files) {
    it(`quotes ${name} as it is in the example`, () => {
      const text = readInRepository(`${toyFolder}/${name}`);
      // Where the schema lies depends on the place of the folder.
      assert.equal(quoted.get(`toy/${name}`), text.replace(/^ *"\$schema": "\..*\n/m, ""));
    });
  }

  it("quotes no other files of the profile", () => {
    const ofToy = [...quoted.keys()].filter((file) => file.startsWith("toy/"));
    assert.deepEqual(ofToy.sort(), files.map((name) => `toy/${name}`).sort());
  });

  it("has commands for every one of its steps", () => {
    const { command, log, interrupt } = stepCounts(steps);
    assert.ok(command > 10 && log > 6 && interrupt === 1);
  });
});

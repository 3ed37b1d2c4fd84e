import assert from "node:assert/strict";
import { readInRepository } from "../repository.js";
import { guideSteps, type GuideStep } from "./guide.js";
import { GuideReader } from "./guide-reader.js";

/** Tests that a reader of the guide in `file` can do all that it says, literally, and sees all that it promises. */
export function testGuide(file: string): readonly GuideStep[] {
  const guide = readInRepository(file);
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

  it("names each file just before its content", () => {
    for (const step of steps) {
      if (step.kind !== "file") continue;
      const before = guide.split("\n").slice(Math.max(0, step.line - 5), step.line - 1);
      assert.ok(before.join("\n").includes(`\`${step.file}\``), step.file);
    }
  });

  it("leads nowhere that is not there", () => {
    const headings = Array.from(guide.matchAll(/^#+ (.+)$/gm), ([, title = ""]) =>
      title
        .toLowerCase()
        .replaceAll(/[^a-z -]/g, "")
        .replaceAll(" ", "-"),
    );
    const anchors = Array.from(guide.matchAll(/\]\(#(.+?)\)/g), ([, anchor = ""]) => anchor);
    assert.ok(anchors.length > 5);
    assert.deepEqual(
      anchors.filter((anchor) => !headings.includes(anchor)),
      [],
    );
  });
  return steps;
}

/** How many steps of each kind there are. */
export function stepCounts(steps: readonly GuideStep[]): Readonly<Record<GuideStep["kind"], number>> {
  const counts = { file: 0, command: 0, log: 0, interrupt: 0 };
  for (const { kind } of steps) counts[kind]++;
  return counts;
}

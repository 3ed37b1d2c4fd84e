import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { toyFolder } from "../examples/toy.js";
import { inRepository, readInRepository } from "../repository.js";

/** Blocks of code that follow a line with nothing but a file's name in bold. */
const quoted = new Map(
  Array.from(
    readInRepository("docs/write-a-guest-profile.md").matchAll(
      /^\*\*`([^`\n]+)`\*\*\n\n```\w+\n(.*?)^```$/gms,
    ),
    ([, name = "", code = ""]) => [name, code],
  ),
);

describe("docs/write-a-guest-profile.md", () => {
  const files = readdirSync(inRepository(toyFolder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|json)$/.test(name))
    .map((name): readonly [name: string, path: string] => [name, `${toyFolder}/${name}`]);

  for (const [name, path] of [...files, ["toy.test.ts", "test/examples/toy.test.ts"] as const]) {
    it(`quotes ${name} as it is`, () => {
      assert.equal(quoted.get(name), readInRepository(path));
    });
  }

  it("quotes no other files", () => {
    assert.deepEqual([...quoted.keys()].sort(), [...files.map(([name]) => name), "toy.test.ts"].sort());
  });

  it("leads nowhere that is not there", () => {
    const text = readInRepository("docs/write-a-guest-profile.md");
    const headings = Array.from(text.matchAll(/^#+ (.+)$/gm), ([, title = ""]) =>
      title
        .toLowerCase()
        .replaceAll(/[^a-z -]/g, "")
        .replaceAll(" ", "-"),
    );
    const links = Array.from(text.matchAll(/\]\(#(.+?)\)/g), ([, anchor = ""]) => anchor);
    assert.ok(links.length > 0);
    assert.deepEqual(
      links.filter((anchor) => !headings.includes(anchor)),
      [],
    );
  });
});

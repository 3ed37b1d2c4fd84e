import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { inRepository, readInRepository } from "../repository.js";
import { complaint, shownCommands } from "./shown-commands.js";

const documents = [
  ".",
  "docs",
  "docs/adr",
  "plugins/idle-only",
  "plugins/priority-tiers",
  "plugins/time-quota",
].flatMap((folder) =>
  readdirSync(inRepository(folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `${folder}/${name}`),
);

describe("every command line of vmmsched in the documents", () => {
  const shown = documents.flatMap((file) =>
    shownCommands(readInRepository(file)).map((command) => ({ file, ...command })),
  );

  it("is found", () => {
    for (const file of ["./README.md", "docs/operating.md", "docs/plugins.md", "docs/records.md"])
      assert.ok(shown.filter((command) => command.file === file).length >= 3, file);
  });

  for (const { file, line, ...command } of shown) {
    it(`exists: ${file}:${line} vmmsched ${command.words.join(" ")}`, async () => {
      // A word that stands for any command.
      if (command.words[0] === "COMMAND") return;
      assert.equal(await complaint(command), undefined);
    });
  }
});

describe("a command line of vmmsched in a document", () => {
  const cases: readonly (readonly [markdown: string, complaint: RegExp | undefined])[] = [
    ["```\nvmmsched plugins check */ --json | jq .fit\n```", undefined],
    ["```\nvmmsched record --seconds 60 today.vmmrec     for a minute\n```", undefined],
    ["`vmmsched record`", undefined],
    ["```\nvmmsched record\n```", /wants 1 arguments/],
    ["```\nvmmsched record one two\n```", /takes 1 arguments/],
    ["`vmmsched rnu`", /no command/],
    ["`vmmsched plugins lsit`", /no command/],
    ["`vmmsched ps --all`", /vmmsched ps has no option --all/],
    ["```sh\nvmmsched plugins show toy -c\n```", /-c wants a value/],
    ["```\nnode dist/core/main.js run --config a.yaml --dryrun  # try\n```", /no option --dryrun/],
  ];
  for (const [markdown, expected] of cases) {
    it(`is ${expected === undefined ? "right" : "wrong"}: ${JSON.stringify(markdown)}`, async () => {
      const [command] = shownCommands(markdown);
      assert.ok(command);
      const found = await complaint(command);
      if (expected === undefined) assert.equal(found, undefined);
      else assert.match(found ?? "", expected);
    });
  }
});

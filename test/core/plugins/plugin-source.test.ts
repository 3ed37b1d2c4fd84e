import assert from "node:assert/strict";
import { symlinkSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { Worker } from "node:worker_threads";
import { readPluginSource } from "../../../core/plugins/plugin-source.js";
import { PluginWorkshop } from "./plugin-workshop.js";

describe("the source of a plugin", () => {
  it("is every file but tests, dot files and packages", () => {
    using workshop = new PluginWorkshop();
    const folder = workshop.write("p", {
      "plugin.json": "{}",
      "index.ts": "1",
      "lib/deep/x.ts": "2",
      "layouts/a.json": "3",
      "index.test.ts": "no",
      ".git/HEAD": "no",
      ".index.ts.swp": "no",
      "node_modules/x/index.js": "no",
    });
    symlinkSync("index.ts", workshop.at("p", "link.ts"));
    symlinkSync("lib", workshop.at("p", "lib-link"));
    execFileSync("mkfifo", [workshop.at("p", "pipe")]);
    const { files } = readPluginSource(folder);
    assert.deepEqual(
      [...files].map(([path, content]) => `${path} ${content.toString()}`),
      ["index.ts 1", "layouts/a.json 3", "lib/deep/x.ts 2", "link.ts 1", "plugin.json {}"],
    );
  });

  it("has a hash over names and contents", () => {
    using workshop = new PluginWorkshop();
    const hashes = [
      { a: "1", b: "2" },
      { a: "1", c: "2" },
      { a: "12", b: "" },
      { a: "1", b: "2" },
    ].map((files, index) => readPluginSource(workshop.write(`p${index}`, files)).hash);
    assert.equal(new Set(hashes).size, 3);
    assert.equal(hashes[0], hashes[3]);
  });

  const many = Object.fromEntries(Array.from({ length: 501 }, (_, index) => [`${index}.txt`, ""]));
  const refused: readonly (readonly [string, (workshop: PluginWorkshop) => void, RegExp])[] = [
    ["more than 500 files", (workshop) => workshop.write("p", many), /has more than 500 files/],
    [
      "more than 16 MiB",
      (workshop) => writeFileSync(workshop.at("p", "big"), Buffer.alloc(2 ** 24 + 1)),
      /has more than 16 MiB/,
    ],
    [
      "a link that leads out of it",
      (workshop) => symlinkSync("/etc/hostname", workshop.at("p", "x.ts")),
      /holds a link that leads out of it: x\.ts -> \/etc\/hostname\nput a copy there/,
    ],
    [
      "a link into a neighbour of the same beginning",
      (workshop) => {
        workshop.write("p2", { a: "" });
        symlinkSync("../p2/a", workshop.at("p", "x.ts"));
      },
      /leads out of it/,
    ],
    [
      "a link to nowhere",
      (workshop) => symlinkSync("nowhere", workshop.at("p", "x.ts")),
      /cannot be read: ENOENT/,
    ],
  ];
  for (const [title, spoil, said] of refused) {
    it(`is refused with ${title}`, () => {
      using workshop = new PluginWorkshop();
      const folder = workshop.write("p", { "plugin.json": "{}" });
      spoil(workshop);
      assert.throws(() => readPluginSource(folder), { code: "ERR_PLUGIN_INVALID", message: said });
    });
  }

  it("is of one moment, although it changes while it is read", async () => {
    using workshop = new PluginWorkshop();
    const names = Array.from({ length: 50 }, (_, index) => `${index}.txt`);
    const fill = (text: string) => workshop.write("p", Object.fromEntries(names.map((name) => [name, text])));
    const folder = fill("-1");
    const writer = new Worker(
      `const { writeFileSync } = require("node:fs");
       const { workerData: { folder, names } } = require("node:worker_threads");
       for (let round = 0; round < 150; round++) {
         for (const name of names) writeFileSync(folder + "/" + name, String(round));
         Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 8);
       }`,
      { eval: true, workerData: { folder, names } },
    );
    const writing = { running: true };
    writer.on("exit", () => (writing.running = false));
    let whole = 0;
    let restless = 0;
    while (writing.running) {
      try {
        const contents = new Set([...readPluginSource(folder).files.values()].map(String));
        // The files are written one after the other: of one moment are at most two neighbouring rounds, or an emptied file.
        const seen = [...contents].filter((text) => text !== "").map(Number);
        assert.ok(Math.max(...seen) - Math.min(...seen) <= 1, [...contents].join());
        whole++;
      } catch (error) {
        assert.match(String(error), /changes while it is read/);
        restless++;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(whole > 0, `${whole} whole, ${restless} restless`);
  });
});

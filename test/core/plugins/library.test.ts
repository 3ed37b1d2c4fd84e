import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { PluginLibrary } from "../../../core/plugins/library.js";
import { openWatches } from "./open-watches.js";
import { manifestText, PluginWorkshop, policyCode, settled, sleep } from "./plugin-workshop.js";

const index = (workshop: PluginWorkshop) => workshop.at("plugins", "p", "index.js");
const newCode = policyCode("new");

/** One clean change each, whatever an editor or tool does to get there. `p` and `q` are there before. */
const edits: readonly (readonly [
  title: string,
  edit: (workshop: PluginWorkshop) => void | Promise<void>,
  told: string,
])[] = [
  ["a write in place", (workshop) => writeFileSync(index(workshop), newCode), "changed p"],
  [
    "a write beside and a rename",
    (workshop) => {
      writeFileSync(`${index(workshop)}.tmp`, newCode);
      renameSync(`${index(workshop)}.tmp`, index(workshop));
    },
    "changed p",
  ],
  [
    "vim's way: probe, backup, write, remove the backup",
    (workshop) => {
      workshop.write("plugins/p", { "4913": "" });
      unlinkSync(workshop.at("plugins", "p", "4913"));
      renameSync(index(workshop), `${index(workshop)}~`);
      writeFileSync(index(workshop), newCode);
      unlinkSync(`${index(workshop)}~`);
    },
    "changed p",
  ],
  [
    "a slow write in two parts",
    async (workshop) => {
      writeFileSync(index(workshop), newCode.slice(0, 25));
      await sleep(60);
      appendFileSync(index(workshop), newCode.slice(25));
    },
    "changed p",
  ],
  [
    "a manifest written in two parts",
    async (workshop) => {
      const manifest = manifestText({ name: "p", version: "1.1.0" });
      writeFileSync(workshop.at("plugins", "p", "plugin.json"), manifest.slice(0, 60));
      await sleep(60);
      appendFileSync(workshop.at("plugins", "p", "plugin.json"), manifest.slice(60));
    },
    "changed p",
  ],
  [
    "a checkout of twenty files, one every 20 ms",
    async (workshop) => {
      for (let file = 0; file < 20; file++) {
        workshop.write(`plugins/${file % 2 === 0 ? "p" : "q"}`, {
          [`lib/${file}.js`]: `export const a = ${file};`,
          "index.js": `import "./lib/${file}.js";\n${policyCode(String(file))}`,
        });
        await sleep(20);
      }
    },
    "changed p, q",
  ],
  [
    "a checkout that begins with a new directory, one file every 20 ms",
    async (workshop) => {
      workshop.write("plugins/p", { "plugin.json": manifestText({ name: "p", version: "1.1.0" }) });
      for (let file = 0; file < 8; file++) {
        workshop.write("plugins/p", { [`lib/${file}.js`]: `export const a = ${file};` });
        await sleep(20);
      }
      workshop.write("plugins/p", { "index.js": `import "./lib/7.js";\n${newCode}` });
    },
    "changed p",
  ],
  [
    "a folder that is deleted and restored",
    async (workshop) => {
      renameSync(workshop.at("plugins", "p"), workshop.at("away"));
      await sleep(100);
      renameSync(workshop.at("away"), workshop.at("plugins", "p"));
      writeFileSync(index(workshop), newCode);
    },
    "changed p",
  ],
  [
    "a file that is deleted and written anew",
    async (workshop) => {
      unlinkSync(index(workshop));
      await sleep(100);
      writeFileSync(index(workshop), newCode);
    },
    "changed p",
  ],
  [
    "a folder that is renamed",
    (workshop) => renameSync(workshop.at("plugins", "p"), workshop.at("plugins", "z")),
    "changed p",
  ],
  [
    "a new name in the manifest",
    (workshop) => void workshop.policy("plugins/p", { name: "r" }),
    "added r; removed p",
  ],
  [
    "a folder that is removed",
    (workshop) => rmSync(workshop.at("plugins", "p"), { recursive: true }),
    "removed p",
  ],
  [
    "a manifest that is removed",
    (workshop) => rmSync(workshop.at("plugins", "p", "plugin.json")),
    "removed p",
  ],
  [
    "a folder that is added file by file",
    async (workshop) => {
      mkdirSync(workshop.at("plugins", "r"));
      await sleep(50);
      workshop.write("plugins/r", { "plugin.json": manifestText({ name: "r" }) });
      await sleep(50);
      workshop.write("plugins/r", { "index.js": policyCode() });
    },
    "added r",
  ],
  [
    "a link to a folder elsewhere",
    (workshop) => {
      workshop.policy("elsewhere/r");
      symlinkSync(workshop.at("elsewhere/r"), workshop.at("plugins", "r"));
    },
    "added r",
  ],
  [
    "a change of a file deep in it",
    async (workshop) => {
      workshop.write("plugins/p", {
        "lib/deep/a.js": "export const a = 1;",
        "index.js": `import "./lib/deep/a.js";\n${newCode}`,
      });
      await sleep(5);
      writeFileSync(workshop.at("plugins", "p", "lib", "deep", "a.js"), "export const a = 2;");
    },
    "changed p",
  ],
  [
    "a search directory that comes into being",
    async (workshop) => {
      mkdirSync(workshop.at("late"));
      await sleep(50);
      workshop.policy("late/more/r");
    },
    "added r",
  ],
  [
    "a search directory that vanishes",
    (workshop) => renameSync(workshop.at("plugins"), workshop.at("away")),
    "removed p, q",
  ],
  [
    "a search directory that is replaced",
    (workshop) => {
      workshop.policy("new/q", { version: "2.0.0" });
      workshop.policy("new/p");
      renameSync(workshop.at("plugins"), workshop.at("old"));
      renameSync(workshop.at("new"), workshop.at("plugins"));
    },
    "changed q",
  ],
  [
    "an edit of one and the removal of another",
    (workshop) => {
      rmSync(workshop.at("plugins", "q"), { recursive: true });
      writeFileSync(index(workshop), newCode);
    },
    "changed p; removed q",
  ],
  ["code that is broken", (workshop) => writeFileSync(index(workshop), "broken ("), "refused p"],
  [
    "a manifest that is broken",
    (workshop) => writeFileSync(workshop.at("plugins", "p", "plugin.json"), "{"),
    "refused p",
  ],
  [
    "a newer version in a later directory",
    (workshop) => void workshop.policy("late/more/p", { version: "2.0.0" }),
    "changed p",
  ],
  [
    "a name that another kind has",
    (workshop) =>
      void workshop.policy(
        "late/more/p",
        { kind: "guest-profile" },
        { "index.js": "export default { attach() {} };" },
      ),
    "refused p",
  ],
];

/** Nothing that counts. */
const idle: typeof edits = [
  ["the same content again", (workshop) => writeFileSync(index(workshop), policyCode()), ""],
  [
    "files that are no part of it",
    (workshop) => void workshop.write("plugins/p", { "README.md": "x", ".x.swp": "", "a.test.js": "(" }),
    "",
  ],
  [
    "a file that is deleted and restored",
    async (workshop) => {
      unlinkSync(index(workshop));
      await sleep(60);
      writeFileSync(index(workshop), policyCode());
    },
    "",
  ],
  [
    "a folder that is gone for 100 ms",
    async (workshop) => {
      renameSync(workshop.at("plugins", "p"), workshop.at("away"));
      await sleep(100);
      renameSync(workshop.at("away"), workshop.at("plugins", "p"));
    },
    "",
  ],
  [
    "a mistake that is mended at once",
    async (workshop) => {
      writeFileSync(index(workshop), "broken (");
      await sleep(50);
      writeFileSync(index(workshop), policyCode());
    },
    "",
  ],
  ["a folder without a plugin", (workshop) => void workshop.write("plugins/notes", { "a.txt": "" }), ""],
];

function workshopWithTwo(): PluginWorkshop {
  const workshop = new PluginWorkshop();
  workshop.policy("plugins/p");
  workshop.policy("plugins/q");
  return workshop;
}

function watchedPath(workshop: PluginWorkshop): { library: PluginLibrary; told: string[] } {
  return workshop.watched({ directories: [workshop.at("plugins"), workshop.at("late", "more")] });
}

describe("a library of plugins that is watched", function () {
  this.timeout(30_000);

  for (const [title, edit, expected] of edits) {
    it(`tells once of ${title}`, async () => {
      using workshop = workshopWithTwo();
      const { library, told } = watchedPath(workshop);
      await edit(workshop);
      await settled(told);
      assert.deepEqual(told, [expected]);
      using afresh = workshop.library({ directories: [workshop.at("plugins"), workshop.at("late", "more")] });
      if (!expected.includes("refused"))
        assert.deepEqual(hashes(library), hashes(afresh), "it has what one that is opened now has");
    });
  }

  for (const [title, edit] of idle) {
    it(`tells nothing of ${title}`, async () => {
      using workshop = workshopWithTwo();
      const { library, told } = watchedPath(workshop);
      const before = hashes(library);
      await edit(workshop);
      // The next change is told alone: what was before has been settled without a word.
      await sleep(600);
      workshop.policy("plugins/q", { version: "1.0.1" });
      await settled(told);
      assert.deepEqual(told, ["changed q"]);
      assert.equal(hashes(library).get("p"), before.get("p"));
    });
  }

  it("keeps the last good version of what is broken, and says when it is mended", async () => {
    using workshop = workshopWithTwo();
    const { library, told } = watchedPath(workshop);
    const good = library.plugins.get("p");
    writeFileSync(index(workshop), "broken (");
    await settled(told);
    const [entry] = library.entries;
    assert.equal(library.plugins.get("p"), good);
    assert.equal(entry?.staged, good);
    assert.match(entry?.problem?.message ?? "", /p\/index\.js:1:9/);
    writeFileSync(index(workshop), policyCode());
    await settled(told, 2);
    assert.deepEqual(told, ["refused p", "mended p"]);
    assert.equal(library.entries[0]?.problem, undefined);
  });

  it("hears of edits below a directory that came back", async () => {
    using workshop = workshopWithTwo();
    const { told } = watchedPath(workshop);
    rmSync(workshop.at("plugins"), { recursive: true });
    await settled(told);
    workshop.policy("plugins/p");
    await settled(told, 2);
    writeFileSync(index(workshop), newCode);
    await settled(told, 3);
    assert.deepEqual(told, ["removed p, q", "added p", "changed p"]);
  });

  it("falls back to what was shadowed when the newer one goes", async () => {
    using workshop = workshopWithTwo();
    workshop.policy("late/more/p", { version: "2.0.0" });
    const { library, told } = watchedPath(workshop);
    assert.equal(library.plugins.get("p")?.version, "2.0.0");
    rmSync(workshop.at("late"), { recursive: true });
    await settled(told);
    assert.deepEqual(told, ["changed p"]);
    assert.equal(library.plugins.get("p")?.version, "1.0.0");
  });

  it("follows a new search path", async () => {
    using workshop = workshopWithTwo();
    const { library, told } = watchedPath(workshop);
    workshop.policy("other/r");
    library.setDirectories([workshop.at("other")]);
    await settled(told);
    assert.deepEqual(told, ["added r; removed p, q"]);
    writeFileSync(index(workshop), newCode);
    workshop.policy("other/r", { version: "1.0.1" });
    await settled(told, 2);
    assert.deepEqual(told.slice(1), ["changed r"]);
  });

  it("tells once that a directory cannot be watched", async () => {
    using workshop = workshopWithTwo();
    symlinkSync("loop", workshop.at("loop"));
    const notices: string[] = [];
    const library = workshop.library({ changed: (change) => notices.push(...change.notices) });
    library.setDirectories([workshop.at("plugins"), workshop.at("loop")]);
    await settled(notices, 2);
    workshop.policy("plugins/p", { version: "1.0.1" });
    await sleep(500);
    assert.equal(notices.length, 2);
    assert.match(notices.join("\n"), /no plugins from .*\/loop: ELOOP.*\n.*\/loop is not watched: .*ELOOP/);
    assert.deepEqual(library.notices, notices);
  });

  it("is not held up by a file that never rests", async () => {
    using workshop = workshopWithTwo();
    const { told } = watchedPath(workshop);
    const noise = setInterval(() => appendFileSync(workshop.at("plugins", "q", "q.log"), "x"), 5);
    try {
      writeFileSync(index(workshop), newCode);
      await settled(told);
    } finally {
      clearInterval(noise);
    }
    assert.equal(told[0], "changed p");
  });

  it("leaves nothing behind after 200 reloads", async () => {
    const before = await openWatches();
    {
      using workshop = workshopWithTwo();
      const { library, told } = watchedPath(workshop);
      const open = await openWatches();
      assert.ok(open > before);
      for (let reload = 1; reload <= 200; reload++) {
        writeFileSync(index(workshop), policyCode(`reload ${reload}`));
        const endMs = performance.now() + 5000;
        while (told.length < reload && performance.now() < endMs) await sleep(2);
      }
      assert.equal(told.length, 200);
      const staged = readdirSync(workshop.staging.directory).filter((name) => /^[pq]-/.test(name));
      const used = [...library.plugins.values()].map(({ directory }) => directory);
      assert.deepEqual(staged.map((name) => join(workshop.staging.directory, name)).sort(), used.sort());
      assert.equal(await openWatches(), open);
    }
    assert.equal(await openWatches(), before);
  });

  it("keeps staged what is said to be in use", async () => {
    using workshop = workshopWithTwo();
    const used = [workshop.stage("plugins/p")];
    const { library, told } = workshop.watched({ inUse: () => used });
    const staged = () =>
      readdirSync(workshop.staging.directory).filter((name) => name.startsWith("p-")).length;
    writeFileSync(index(workshop), newCode);
    await settled(told);
    assert.equal(staged(), 2);
    used.pop();
    library.sweep();
    assert.equal(staged(), 1);
  });
});

function hashes(library: PluginLibrary): ReadonlyMap<string, string> {
  return new Map([...library.plugins].map(([name, { hash, folder }]) => [name, `${hash} ${folder}`]));
}

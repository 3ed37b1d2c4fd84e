import assert from "node:assert/strict";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, it } from "mocha";
import { ConfigWatch } from "../../../core/control/config-watch.js";
import { openWatches } from "../plugins/open-watches.js";
import { until } from "./socket/control-place.js";

const interval = (ms: number) => `intervalMs: ${ms}\n`;

/** A configuration in a directory of its own that is watched, and what was told of it. */
class WatchedConfig implements Disposable {
  readonly #path = realpathSync(mkdtempSync(join(tmpdir(), "vmmsched-config-")));
  readonly file = this.at("etc", "vmmsched.yaml");
  readonly told: (number | string)[] = [];
  readonly #watch: ConfigWatch;

  constructor(prepare: (config: WatchedConfig) => void = ({ file }) => writeFileSync(file, interval(100))) {
    mkdirSync(this.at("etc"));
    prepare(this);
    this.#watch = new ConfigWatch(this.file, interval(100), {
      changed: ({ values }) => this.told.push(values.intervalMs),
      refused: ({ message }) => this.told.push(/ERR_\w+/.exec(message)?.[0] ?? message),
    });
  }

  at(...parts: readonly string[]): string {
    return join(this.#path, ...parts);
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
    rmSync(this.#path, { recursive: true });
  }
}

/** Each tells of the interval 200, once. */
const edits: readonly (readonly [title: string, edit: (config: WatchedConfig) => void | Promise<void>])[] = [
  ["a write in place", ({ file }) => writeFileSync(file, interval(200))],
  [
    "a write beside and a rename",
    ({ file }) => {
      writeFileSync(`${file}.tmp`, interval(200));
      renameSync(`${file}.tmp`, file);
    },
  ],
  [
    "a write in two parts",
    async ({ file }) => {
      writeFileSync(file, "policies: [\n");
      await sleep(60);
      writeFileSync(file, interval(200));
    },
  ],
  [
    "a file that is removed and restored",
    async ({ file }) => {
      rmSync(file);
      await sleep(60);
      writeFileSync(file, interval(200));
    },
  ],
  [
    "a directory that is replaced",
    (config) => {
      cpSync(config.at("etc"), config.at("new"), { recursive: true });
      writeFileSync(config.at("new", "vmmsched.yaml"), interval(200));
      renameSync(config.at("etc"), config.at("old"));
      renameSync(config.at("new"), config.at("etc"));
    },
  ],
  [
    "a file that becomes a link",
    (config) => {
      writeFileSync(config.at("elsewhere.yaml"), interval(200));
      symlinkSync(config.at("elsewhere.yaml"), `${config.file}.tmp`);
      renameSync(`${config.file}.tmp`, config.file);
    },
  ],
];

describe("the configuration file, watched", () => {
  for (const [title, edit] of edits) {
    it(`tells once of ${title}`, async () => {
      using config = new WatchedConfig();
      await edit(config);
      await until(() => config.told.length > 0);
      // The next change is told alone: nothing was left over.
      writeFileSync(config.file, interval(300));
      await until(() => config.told.includes(300));
      assert.deepEqual(config.told, [200, 300]);
    });
  }

  it("tells of a change of what it links to, in place or replaced", async () => {
    using config = new WatchedConfig((made) => {
      writeFileSync(made.at("real.yaml"), interval(100));
      symlinkSync("../real.yaml", made.file);
    });
    writeFileSync(config.at("real.yaml"), interval(200));
    await until(() => config.told.length > 0);
    writeFileSync(config.at("new.yaml"), interval(300));
    renameSync(config.at("new.yaml"), config.at("real.yaml"));
    await until(() => config.told.length > 1);
    assert.deepEqual(config.told, [200, 300]);
  });

  it("tells of changes where it polls", async () => {
    process.env.CHOKIDAR_USEPOLLING = "1";
    try {
      using config = new WatchedConfig((made) => {
        writeFileSync(made.at("real.yaml"), interval(100));
        symlinkSync("../real.yaml", made.file);
      });
      const settled = async (changes: number) => {
        await until(() => config.told.length >= changes);
        await openWatches("polled");
      };
      await settled(0);
      writeFileSync(config.at("real.yaml"), interval(200));
      await settled(1);
      renameSync(config.at("etc"), config.at("old"));
      mkdirSync(config.at("etc"));
      writeFileSync(config.file, interval(300));
      await settled(2);
      writeFileSync(config.file, interval(400));
      await settled(3);
      assert.deepEqual(config.told, [200, 300, 400]);
    } finally {
      delete process.env.CHOKIDAR_USEPOLLING;
    }
  });

  it("tells what has changed before it was watched", async () => {
    using config = new WatchedConfig(({ file }) => writeFileSync(file, interval(200)));
    await until(() => config.told.length > 0);
    assert.deepEqual(config.told, [200]);
  });

  it("tells once that it is broken or gone, and when it is good again", async () => {
    using config = new WatchedConfig();
    writeFileSync(config.file, "policies: 7\n");
    await until(() => config.told.length === 1);
    writeFileSync(config.file, "policies: 7\n");
    rmSync(config.file);
    await until(() => config.told.length === 2);
    writeFileSync(config.file, interval(100));
    await until(() => config.told.length === 3);
    assert.deepEqual(config.told, ["ERR_CONFIG_INVALID", "ERR_CONFIG_UNREADABLE", 100]);
  });

  it("is not read while others may write to it", async () => {
    using config = new WatchedConfig();
    chmodSync(config.file, 0o664);
    writeFileSync(config.file, interval(300));
    await until(() => config.told.length === 1);
    chmodSync(config.file, 0o644);
    await until(() => config.told.length === 2);
    assert.deepEqual(config.told, ["ERR_UNSAFE_PERMISSIONS", 300]);
  });

  it("says nothing of the same text, and needs no more handles after many changes", async () => {
    const before = await openWatches();
    {
      using config = new WatchedConfig();
      const open = await openWatches();
      assert.ok(open > before);
      for (let change = 1; change <= 30; change++) {
        rmSync(config.file);
        if (change % 2 === 0) await sleep(5);
        writeFileSync(config.file, interval(100 + change));
        await until(() => config.told.length === change);
        writeFileSync(config.file, interval(100 + change));
      }
      assert.equal(await openWatches(), open);
      assert.equal(config.told.length, 30);
    }
    assert.equal(await openWatches(), before);
  });
});

import assert from "node:assert/strict";
import {
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
import { describe, it } from "mocha";
import { DirectoryWatch } from "../../../core/plugins/directory-watch.js";
import { until } from "../control/socket/control-place.js";
import { openWatches } from "./open-watches.js";
import { PluginWorkshop, policyCode, settled } from "./plugin-workshop.js";

/** A directory `etc` in a place of its own, and those who watch it. */
class WatchedPlace implements Disposable {
  readonly #path = realpathSync(mkdtempSync(join(tmpdir(), "vmmsched-watch-")));
  readonly #watches: DirectoryWatch[] = [];

  constructor() {
    mkdirSync(this.at("etc"));
  }

  at(...parts: readonly string[]): string {
    return join(this.#path, ...parts);
  }

  /** Somebody who watches `directory`, and all names that were told. */
  watcher(directory = this.at("etc")) {
    const told: (string | undefined)[] = [];
    const watch = new DirectoryWatch((_group, _directory, name) => told.push(name));
    this.#watches.push(watch);
    const renew = () => watch.renew("group", [{ path: directory }]);
    renew();
    return { watch, told, renew };
  }

  [Symbol.dispose](): void {
    for (const watch of this.#watches) watch[Symbol.dispose]();
    rmSync(this.#path, { recursive: true });
  }
}

describe("directories, watched", () => {
  it("tells when it has begun: what was before may have gone unnoticed", async () => {
    using place = new WatchedPlace();
    const { watch, told } = place.watcher();
    assert.equal(watch.starting, true);
    await until(() => told.length > 0);
    assert.deepEqual(told, [undefined]);
    assert.equal(watch.starting, false);
  });

  it("follows a directory that is replaced, although somebody else watches it too", async () => {
    using place = new WatchedPlace();
    const watchers = [place.watcher(), place.watcher()];
    const begun = async (each: (typeof watchers)[number]) =>
      until(() => !each.watch.starting && each.told.length > 0);
    for (const each of watchers) await begun(each);
    mkdirSync(place.at("new"));
    renameSync(place.at("etc"), place.at("old"));
    renameSync(place.at("new"), place.at("etc"));
    for (const { told } of watchers) told.length = 0;
    for (const each of watchers) {
      each.renew();
      await begun(each);
    }
    writeFileSync(place.at("etc", "fresh"), "");
    await until(() => watchers.every(({ told }) => told.includes("fresh")));
  });

  it("follows a directory that is removed and made anew, which may get the same inode", async () => {
    using place = new WatchedPlace();
    const { watch, told, renew } = place.watcher();
    for (let time = 0; time < 10; time++) {
      await until(() => !watch.starting && told.length > 0);
      rmSync(place.at("etc"), { recursive: true });
      mkdirSync(place.at("etc"));
      await until(() => told.includes("etc"));
      told.length = 0;
      renew();
      await until(() => !watch.starting && told.length > 0);
      writeFileSync(place.at("etc", "fresh"), "");
      await until(() => told.includes("fresh"));
    }
  });

  it("goes on for others when somebody leaves, and ends with the last", async () => {
    const before = await openWatches();
    using place = new WatchedPlace();
    const [leaving, staying] = [place.watcher(), place.watcher()];
    await until(() => staying.told.length > 0);
    assert.equal(await openWatches(), before + 1);
    leaving.watch[Symbol.dispose]();
    writeFileSync(place.at("etc", "fresh"), "");
    await until(() => staying.told.includes("fresh"));
    assert.ok(!leaving.told.includes("fresh"));
    staying.watch.drop("group");
    assert.equal(await openWatches(), before);
  });

  it("leaves nothing behind when it ends before it has begun", async () => {
    const before = await openWatches();
    for (let time = 0; time < 20; time++) {
      using place = new WatchedPlace();
      const { watch } = place.watcher();
      if (time % 2 === 0) await new Promise(setImmediate);
      watch[Symbol.dispose]();
    }
    assert.equal(await openWatches(), before);
  });

  it("keeps no thread alive when it ends while it hears of a change", async () => {
    const timers = () => process.getActiveResourcesInfo().filter((each) => each === "Timeout").length;
    using place = new WatchedPlace();
    const counted: number[] = [];
    const watch = new DirectoryWatch((_group, _directory, name) => {
      if (name !== "fresh") return;
      counted.push(timers());
      watch[Symbol.dispose]();
      counted.push(timers());
    });
    watch.renew("group", [{ path: place.at("etc") }]);
    await until(() => !watch.starting);
    writeFileSync(place.at("etc", "fresh"), "");
    await until(() => counted.length > 0);
    const [before = 0, after] = counted;
    assert.equal(after, before - 1);
  });

  it("says once what cannot be watched, and watches it when it can be", async () => {
    using place = new WatchedPlace();
    symlinkSync("loop", place.at("loop"));
    const { watch, told, renew } = place.watcher(place.at("loop"));
    await until(() => watch.failures.length > 0);
    assert.match(watch.failures.join(), /\/loop is not watched: .*ELOOP/);
    renew();
    await until(() => !watch.starting);
    assert.equal(told.length, 1);
    rmSync(place.at("loop"));
    mkdirSync(place.at("loop"));
    renew();
    await until(() => told.length > 1);
    assert.deepEqual(watch.failures, []);
    writeFileSync(place.at("loop", "fresh"), "");
    await until(() => told.includes("fresh"));
  });

  it("says that it cannot watch a path with a backslash", () => {
    using place = new WatchedPlace();
    mkdirSync(place.at("a\\b"));
    const { watch } = place.watcher(place.at("a\\b"));
    assert.match(watch.failures.join(), /a\\b is not watched: .*backslash/);
  });

  it("polls where it is told to", async () => {
    const before = { told: await openWatches(), polled: await openWatches("polled") };
    process.env.CHOKIDAR_USEPOLLING = "1";
    try {
      using place = new WatchedPlace();
      writeFileSync(place.at("etc", "old"), "");
      const watcher = place.watcher();
      await openWatches("polled");
      writeFileSync(place.at("etc", "old"), "in place");
      await until(() => watcher.told.includes("old"));

      using workshop = new PluginWorkshop();
      workshop.policy("plugins/p");
      const { told } = workshop.watched();
      assert.equal(await openWatches(), before.told);
      assert.ok((await openWatches("polled")) > before.polled);
      writeFileSync(workshop.at("plugins", "p", "index.js"), policyCode("in place"));
      await settled(told);
      workshop.policy("plugins/q");
      await settled(told, 2);
      writeFileSync(workshop.at("plugins", "q", "index.js"), policyCode("in a new folder"));
      await settled(told, 3);
      rmSync(workshop.at("plugins", "p"), { recursive: true });
      await settled(told, 4);
      assert.deepEqual(told, ["changed p", "added q", "changed q", "removed p"]);
    } finally {
      delete process.env.CHOKIDAR_USEPOLLING;
    }
    assert.equal(await openWatches("polled"), before.polled);
  });
});

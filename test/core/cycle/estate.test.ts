import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { encodeRecord } from "../../../core/journal/journal-record.js";
import { openJournal, readJournal } from "../../../core/journal/open-journal.js";
import type { SimulatedHost } from "../../../native/simulated/index.js";
import { GuestView } from "../../native/simulated/guest-view.js";
import { hide } from "../../native/simulated/rootkit.js";
import { JournalPlace } from "../journal/journal-place.js";
import {
  domains,
  held,
  hostBoot,
  JournalledHosts,
  niced,
  niceOf,
  together,
  until,
  weighted,
  weightOf,
  windows,
} from "./journalled-host.js";
import { holdNamed, linuxProfile, type ScheduledHostOptions } from "./scheduled-host.js";

describe("what a scheduler that died left", () => {
  let hosts: JournalledHosts;
  beforeEach(() => {
    hosts = new JournalledHosts();
  });
  afterEach(() => {
    hosts[Symbol.dispose]();
  });

  for (const pause of ["late", "early"] as const)
    it(`is taken over by the next one, which gives back what nobody wishes (pause: ${pause})`, async () => {
      const first = await hosts.start({ pause });
      first.decide = together(holdNamed("burner"), niced("polite", 19), niced("crew", 10), weighted(700));
      await until(first, () => held(first) === 1 && niceOf(first, "polite") === 19);
      const { host } = first;
      await first.run(2);
      const second = await hosts.startOn(host, { pause });
      await until(second, () => second.cycle.allReleased() && weightOf(second, "linux") === 256);
      await second.run(3);
      assert.deepEqual([niceOf(second, "polite"), weightOf(second, "toy")], [5, 300]);
      assert.deepEqual(
        new Set(
          host
            .toy("toy")
            .tasks()
            .map(({ priority }) => priority),
        ),
        new Set([0]),
      );
      assert.deepEqual(new Set(hosts.kinds()), new Set(["domain"]));
      assert.equal(second.events("journal-resumed").length, 2);
      assert.deepEqual(second.complaints(), []);
    });

  it("is taken over in Windows, too", async () => {
    const first = await hosts.start({ domains: [windows] });
    const { host } = first;
    first.decide = together(holdNamed("indexer.exe"), niced("indexer.exe", 19));
    await until(first, () => first.cycle.changedPriorities() > 0 && held(first) > 0);
    await first.run(2);
    const changed = first.registry.domains.flatMap(({ priorities }) => priorities.changed());
    const second = await hosts.startOn(host);
    await until(second, () => second.cycle.allReleased());
    const given = second.events("priority").filter(({ outcome }) => outcome === "committed");
    assert.deepEqual(
      given.map(({ tid, from, to }) => [tid, from, to]),
      changed.map(({ id, set, original }) => [id, set, original]),
    );
    assert.ok((await second.gained("windows", "indexer.exe", 20)) > 0);
    assert.deepEqual(second.complaints(), []);
  });

  it("lets the next one go on with what is still wished, and know what is to be given back", async () => {
    const first = await hosts.start();
    const policy = together(holdNamed("burner"), niced("polite", 19), weighted(700));
    first.decide = policy;
    await until(first, () => held(first) === 1 && niceOf(first, "polite") === 19);
    await first.run(2);
    const second = await hosts.startOn(first.host);
    second.decide = policy;
    await second.run(10);
    assert.deepEqual([held(second), niceOf(second, "polite"), weightOf(second, "toy")], [1, 19, 700]);
    const third = await hosts.startOn(first.host);
    await until(third, () => third.cycle.allReleased());
    assert.deepEqual([niceOf(third, "polite"), weightOf(third, "toy")], [5, 300]);
  });

  it("is undone, but not what the guest, or an administrator, has done since", async () => {
    const first = await hosts.start();
    first.decide = together(niced("polite", 19), weighted(700));
    await until(first, () => niceOf(first, "polite") === 19);
    await first.run(2);
    const { host } = first;
    const guest = host.guest("linux");
    guest.renice(guest.processes().find(({ comm }) => comm === "polite")?.pid ?? 0, 8);
    host.setShare(host.idOf("toy"), { weight: 77, capPercent: 5 });
    const second = await hosts.startOn(host);
    await second.run(10);
    assert.ok(second.cycle.allReleased());
    assert.equal(niceOf(second, "polite"), 8);
    assert.deepEqual(host.domains.find(({ name }) => name === "toy")?.share, { weight: 77, capPercent: 5 });
    assert.equal(weightOf(second, "linux"), 256);
  });

  it("is dropped where it was done under another boot of a guest or in an earlier run of a domain, and that is told", async () => {
    const first = await hosts.start();
    first.decide = together(holdNamed("burner", "crew"), niced("polite", 19), weighted(700));
    await until(first, () => held(first) === 3 && niceOf(first, "polite") === 19);
    await first.run(2);
    const { host } = first;
    for (const name of ["linux", "toy"]) host.rebootDomain(host.idOf(name));
    const second = await hosts.startOn(host);
    await second.run(20);
    assert.deepEqual(
      second.events("journal-dropped").map(({ domain, reason }) => `${String(domain)}: ${String(reason)}`),
      ["linux", "toy"]
        .flatMap((name) => [`${name}: its domain was started anew since`])
        .concat(["linux: its guest was booted anew since", "toy: its guest was booted anew since"]),
    );
    assert.equal(second.events("journal-resumed").length, 0);
    assert.deepEqual([held(second), niceOf(second, "polite"), weightOf(second, "toy")], [0, 5, 300]);
    assert.deepEqual(new Set(hosts.kinds()), new Set());
  });

  it("is told by a boot of Linux and of Windows that is known again, and told from the next one", async () => {
    const bootsOf = async (host?: SimulatedHost) => {
      const scheduled = await (host === undefined
        ? hosts.start({ domains: [domains[0] ?? assert.fail(), windows] })
        : hosts.startOn(host));
      return { scheduled, boots: scheduled.registry.domains.map(({ kernel }) => kernel?.description.boot) };
    };
    const { scheduled, boots } = await bootsOf();
    const { host } = scheduled;
    assert.ok(
      boots.every((boot) => typeof boot === "string" && boot.length > 20),
      JSON.stringify(boots),
    );
    assert.deepEqual((await bootsOf(host)).boots, boots);
    for (const name of ["linux", "windows"]) host.rebootDomain(host.idOf(name));
    const { boots: next } = await bootsOf(host);
    assert.ok(
      next.every((boot) => boot !== undefined && !boots.includes(boot)),
      JSON.stringify(next),
    );
  });

  it("may be a task that hides since the scheduler died that held it", async () => {
    const first = await hosts.start();
    first.decide = holdNamed("burner");
    await until(first, () => held(first) === 1);
    await first.run(3);
    using view = new GuestView(first.host, "linux");
    hide(view, "burner");
    const second = await hosts.startOn(first.host);
    assert.equal(held(second), 0, "nothing shows that it is there");
    await second.run(1);
    assert.ok(second.cycle.toUndo() > 0 && !second.cycle.allReleased(), "who stops now must wait for it");
    await second.run(19);
    assert.equal(second.cycle.toUndo(), 0);
    assert.ok((await second.gained("linux", "burner", 10)) > 0);
    assert.deepEqual(second.complaints(), []);
    assert.ok(!hosts.kinds().includes("hold"));
  });

  it("stays in the journal while its domain is not recognised", async () => {
    const first = await hosts.start();
    first.decide = together(niced("crew", 10), weighted(700));
    const priorities = () =>
      new Set(
        first.host
          .toy("toy")
          .tasks()
          .map(({ priority }) => priority),
      );
    await until(first, () => priorities().has(10));
    await first.run(2);
    const second = await hosts.startOn(first.host, { profiles: [linuxProfile] });
    await second.run(20);
    assert.ok(priorities().has(10));
    assert.equal(weightOf(second, "toy"), 300, "a share needs no profile");
    assert.ok(hosts.kinds().includes("priority"));
    const third = await hosts.startOn(first.host);
    await until(third, () => third.cycle.allReleased());
    assert.deepEqual(priorities(), new Set([0]));
  });

  it("is told from threads that had a priority of ours by the guest, and is what they inherited as well", async () => {
    const first = await hosts.start({
      domains: [
        {
          name: "linux",
          kind: "pvh",
          processes: [
            { comm: "mixed", workload: { kind: "threads", count: 3, each: { kind: "burn" } } },
            { comm: "shell", nice: 3, workload: { kind: "forker", perSecond: 20, childMs: 3000 } },
          ],
        },
      ],
    });
    const { host } = first;
    const guest = host.guest("linux");
    const threads = () => guest.processes().filter(({ comm }) => comm.startsWith("mixed"));
    const last = threads().at(-1)?.pid ?? assert.fail();
    guest.renice(last, 19);
    first.decide = together(niced("mixed", 19), niced("shell", 19));
    await until(first, () => threads().every(({ pid }) => guest.procStat(pid)?.nice === 19));
    await until(first, () => niceOf(first, "shell") === 19);
    // What is started while nobody is there inherits, too.
    host.advance(5e9);
    const second = await hosts.startOn(host);
    await until(second, () => second.cycle.allReleased());
    const nices = (comm: string) =>
      guest
        .processes()
        .filter((one) => one.comm === comm && !one.zombie)
        .map(({ pid }) => guest.procStat(pid)?.nice);
    assert.ok(nices("shell-child").length > 5);
    assert.deepEqual(new Set(nices("shell-child")), new Set([3]));
    assert.deepEqual(
      threads().map(({ pid }) => guest.procStat(pid)?.nice),
      threads().map(({ pid }) => (pid === last ? 19 : 0)),
    );
  });

  it("may be a share, which is given back whether or not the last one that was asked for was set", async () => {
    for (const wasSet of [false, true]) {
      using other = new JournalPlace();
      const journal = (log: Parameters<NonNullable<ScheduledHostOptions["journal"]>>[0]) =>
        openJournal({ directory: other.directory, log, hostBoot });
      const first = await hosts.start({ journal });
      const { host } = first;
      const setShare = host.setShare.bind(host);
      host.setShare = (id, share) => {
        if (wasSet) setShare(id, share);
        throw new Error("killed");
      };
      first.decide = weighted(900);
      await assert.rejects(first.run(1), /killed/);
      host.setShare = setShare;
      assert.equal(weightOf(first, "linux"), wasSet ? 900 : 256);
      const second = await hosts.startOn(host, { journal });
      await second.run(3);
      assert.equal(weightOf(second, "linux"), 256);
      const records = [...readJournal(readFileSync(other.file)).book.records()];
      assert.ok(!records.some(({ kind }) => kind === "share"), records.map(encodeRecord).join(""));
    }
  });
});

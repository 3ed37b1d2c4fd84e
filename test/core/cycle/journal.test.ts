import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import {
  held,
  JournalledHosts,
  niced,
  niceOf,
  together,
  until,
  weighted,
  weightOf,
} from "./journalled-host.js";
import { holdNamed, intervalNs } from "./scheduled-host.js";

describe("the journal of a scheduler", () => {
  let hosts: JournalledHosts;
  beforeEach(() => {
    hosts = new JournalledHosts();
  });
  afterEach(() => {
    hosts[Symbol.dispose]();
  });

  for (const pause of ["late", "early"] as const)
    it(`has what is held and changed before it is, and is never written while a domain is paused (pause: ${pause})`, async () => {
      const scheduled = await hosts.start({ pause });
      const { host } = scheduled;
      const journal = scheduled.journal ?? assert.fail();
      const commit = journal.commit.bind(journal);
      journal.commit = (nowNs) => {
        assert.ok(host.domains.every(({ pauseCount }) => pauseCount === 0));
        return commit(nowNs);
      };
      // Whatever is committed, or set, is on disk by then.
      const plans = new Set<string>();
      for (const { kernel } of scheduled.registry.domains) {
        if (kernel === undefined) continue;
        const plan = kernel.plan.bind(kernel);
        kernel.plan = (change, edit) => {
          const outcome = plan(change, edit);
          const wanted = change.kind === "hold" || (change.kind === "priority" && change.priority >= 10);
          if (outcome !== "planned" || !wanted || host.domains.every(({ pauseCount }) => pauseCount === 0))
            return outcome;
          const isThere = hosts
            .onDisk()
            .some(
              (record) =>
                (record.kind === "hold" && change.kind === "hold" && record.id === change.id) ||
                (record.kind === "priority" && change.kind === "priority" && record.id === change.id),
            );
          assert.ok(isThere, JSON.stringify(change));
          plans.add(change.kind);
          return outcome;
        };
      }
      const setShare = host.setShare.bind(host);
      host.setShare = (id, share) => {
        if (share.weight === 700) assert.ok(hosts.kinds().includes("share"));
        setShare(id, share);
        plans.add("share");
      };
      scheduled.decide = together(holdNamed("burner"), niced("polite", 19), weighted(700));
      await until(scheduled, () => held(scheduled) === 1 && niceOf(scheduled, "polite") === 19);
      assert.deepEqual([...plans].sort(), ["hold", "priority", "share"]);
      await scheduled.run(2);
      assert.deepEqual([...hosts.kinds()].sort(), ["domain", "domain", "hold", "priority", "share", "share"]);
      const writes = hosts.disk.writes;
      await scheduled.run(10);
      assert.equal(hosts.disk.writes, writes, "nothing is written while nothing changes");
      scheduled.decide = () => [];
      await until(scheduled, () => scheduled.cycle.allReleased());
      await scheduled.run(2);
      assert.deepEqual(new Set(hosts.kinds()), new Set(["domain"]));
      await scheduled.loop.start();
      await scheduled.loop.stop("fast");
      journal.close();
      assert.ok(!existsSync(hosts.place.file));
    });

  for (const fault of ["full", "broken"] as const)
    it(`on a disk that is ${fault} lets go and gives back, and adds nothing`, async () => {
      const scheduled = await hosts.start();
      scheduled.decide = together(holdNamed("burner"), niced("polite", 19), weighted(700));
      await until(scheduled, () => held(scheduled) === 1 && niceOf(scheduled, "polite") === 19);
      hosts.disk.fault = fault;
      scheduled.decide = together(holdNamed("crew"), niced("burner", 19), weighted(800));
      await until(scheduled, () => held(scheduled) === 0 && niceOf(scheduled, "polite") === 5);
      await scheduled.run(40);
      assert.equal(held(scheduled), 0);
      assert.equal(niceOf(scheduled, "burner"), 0);
      assert.notEqual(weightOf(scheduled, "toy"), 800);
      assert.deepEqual(
        scheduled.events("journal-failed").map(({ code }) => code),
        ["ERR_JOURNAL_UNWRITABLE"],
      );
      assert.match(String(scheduled.events("share-not-set")[0]?.reason), /journal cannot be written/);
      hosts.disk.fault = "none";
      await until(
        scheduled,
        () =>
          held(scheduled) === 2 && niceOf(scheduled, "burner") === 19 && weightOf(scheduled, "toy") === 800,
      );
      assert.equal(scheduled.events("journal-works-again").length, 1);
      assert.equal(scheduled.events("journal-failed").length, 1);
      hosts.disk.fault = fault;
      scheduled.decide = () => [];
      await until(scheduled, () => scheduled.cycle.allReleased() && weightOf(scheduled, "toy") === 300);
      assert.deepEqual(scheduled.complaints(), []);
    });

  it("that is slower than a tick makes changes wait for the next, and is told once", async () => {
    const scheduled = await hosts.start();
    hosts.disk.writeMs = (2 * intervalNs) / 1e6;
    scheduled.decide = holdNamed("crew");
    await scheduled.run(1);
    assert.ok(hosts.kinds().includes("hold"));
    assert.equal(scheduled.events("hold").filter(({ outcome }) => outcome === "committed").length, 0);
    await until(scheduled, () => held(scheduled) === 2);
    scheduled.decide = holdNamed("burner", "polite");
    await until(scheduled, () => held(scheduled) === 2 && scheduled.cycle.toUndo() === 2);
    assert.equal(scheduled.events("journal-slow").length, 1);
  });
});

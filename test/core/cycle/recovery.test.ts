import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { schemaCheck } from "../../../core/config/schema-check.js";
import { RecoveryLog } from "../../../core/cycle/recovery-log.js";
import type { RecoveryReport } from "../../../core/cycle/recovery-report.js";
import { recover } from "../../../core/cycle/recovery.js";
import { openJournal } from "../../../core/journal/open-journal.js";
import type { HostSnapshot, Wish } from "../../../core/policy.js";
import type { DomainSpec, SimulatedHost } from "../../../native/simulated/index.js";
import { toyProfile } from "../../examples/toy.js";
import { readInRepository } from "../../repository.js";
import { JournalPlace } from "../journal/journal-place.js";
import { linuxProfile, ScheduledHost, type ScheduledHostOptions } from "./scheduled-host.js";

const hostBoot = "a boot";
const domains: readonly DomainSpec[] = [
  { name: "linux", kind: "pvh", processes: [{ comm: "burner", workload: { kind: "burn" } }] },
  { name: "toy", kind: "pvh", os: "toy", processes: [{ comm: "crew", workload: { kind: "burn" } }] },
];

/** Everything that can be wished, for both processes and both domains. */
function* everything(host: HostSnapshot): Iterable<Wish> {
  for (const domain of host.domains) {
    yield { kind: "share", target: domain, weight: 900, capPercent: 50 };
    for (const target of domain.processes) {
      if (!["burner", "crew"].includes(target.name)) continue;
      yield { kind: "hold", target };
      yield { kind: "priority", target, nice: 19 };
    }
  }
}

describe("a recovery", () => {
  let place: JournalPlace;
  beforeEach(() => {
    place = new JournalPlace();
  });
  afterEach(() => {
    place[Symbol.dispose]();
  });

  /** A host whose scheduler has died while it held and had changed everything. */
  const deserted = async (): Promise<SimulatedHost> => {
    const { directory } = place;
    const scheduled = new ScheduledHost({
      domains,
      profiles: [linuxProfile, toyProfile("1.0.0")],
      journal: (log) => openJournal({ directory, log, hostBoot }),
    });
    await scheduled.attach();
    scheduled.decide = everything;
    for (
      let i = 0;
      i < 100 && (scheduled.cycle.heldTasks() < 2 || scheduled.cycle.changedPriorities() < 2);
      i++
    )
      await scheduled.run(1);
    await scheduled.run(2);
    assert.deepEqual([scheduled.cycle.heldTasks(), scheduled.cycle.changedPriorities()], [2, 2]);
    return scheduled.host;
  };
  const recoverOn = async (
    host: SimulatedHost,
    options: Partial<ScheduledHostOptions> = {},
  ): Promise<RecoveryReport> => {
    const log = new RecoveryLog();
    const scheduled = new ScheduledHost({
      ...{ domains: [], host, log, profiles: [linuxProfile, toyProfile("1.0.0")] },
      journal: () => openJournal({ directory: place.directory, log, hostBoot }),
      ...options,
    });
    const { registry, cycle, loop, journal = assert.fail(), clock } = scheduled;
    const report = await recover({ registry, cycle, loop, journal, clock, log });
    assert.deepEqual(scheduled.complaints(), []);
    const schema = schemaCheck(JSON.parse(readInRepository("docs/recovery.schema.json")) as object);
    assert.deepEqual(schema(JSON.parse(JSON.stringify(report))), []);
    return report;
  };
  const named = ({ undone }: RecoveryReport) => undone.map(({ domain, what }) => `${domain} ${what}`).sort();
  const nothing = { schema: 1, complete: true, undone: [], dropped: [], left: [], problems: [] };

  it("releases, gives back, tells it, takes the journal away, and finds nothing the second time", async () => {
    const host = await deserted();
    const report = await recoverOn(host);
    assert.deepEqual(
      named(report),
      ["linux", "toy"].flatMap((name) => ["priority", "release", "share"].map((what) => `${name} ${what}`)),
    );
    assert.deepEqual({ ...report, undone: [] }, nothing);
    const [priority] = report.undone.filter(({ what, domain }) => what === "priority" && domain === "linux");
    const pid = host
      .guest("linux")
      .processes()
      .find(({ comm }) => comm === "burner")?.pid;
    assert.deepEqual(priority, {
      ...{ what: "priority", domain: "linux", pid, tid: pid, name: "burner", from: 139, to: 120 },
    });
    assert.ok(!existsSync(place.file));
    assert.deepEqual(await recoverOn(host), nothing);
  });

  it("finds what is held although the journal is lost", async () => {
    const host = await deserted();
    place[Symbol.dispose]();
    assert.deepEqual(named(await recoverOn(host)), ["linux release", "toy release"]);
  });

  it("passes over domains that are gone, and does what is left in the others", async () => {
    const host = await deserted();
    host.destroyDomain(host.idOf("toy"));
    const report = await recoverOn(host);
    assert.deepEqual(named(report), ["linux priority", "linux release", "linux share"]);
    assert.deepEqual(
      report.dropped.map(({ domain, reason, holds, priorities, share }) => [
        domain,
        reason,
        holds,
        priorities,
        share,
      ]),
      [["toy", "its domain is not there any more", 1, 1, true]],
    );
    assert.ok(report.complete);
    assert.ok(!existsSync(place.file));
  });

  it("tells what is left in a domain that is not recognised, and keeps it for the next time", async () => {
    const host = await deserted();
    const report = await recoverOn(host, { profiles: [linuxProfile] });
    assert.equal(report.complete, false);
    assert.deepEqual(
      report.left.map(({ domain, what, name, reason }) => [domain, what, name, reason]),
      ["hold", "priority"].map((what) => [
        ...["toy", what, "crew", "no guest profile recognises its operating system"],
      ]),
    );
    assert.ok(existsSync(place.file));
    const next = await recoverOn(host);
    assert.deepEqual([next.complete, named(next)], [true, ["toy priority", "toy release"]]);
  });

  it("tells what does not run again while an administrator has its domain paused, and leaves his pause", async () => {
    const host = await deserted();
    host.pause(host.idOf("toy"));
    const report = await recoverOn(host);
    assert.equal(host.domains.find(({ name }) => name === "toy")?.pauseCount, 1);
    assert.deepEqual(
      report.left.map(({ domain, what }) => [domain, what]),
      [["toy", "hold"]],
    );
    assert.match(report.left[0]?.reason ?? "", /is its domain paused\?/);
    host.unpause(host.idOf("toy"));
    assert.deepEqual(await recoverOn(host), nothing);
  });

  it("touches nothing in a domain that the configuration excludes, and says so", async () => {
    const host = await deserted();
    const report = await recoverOn(host, { exclude: ["toy"] });
    assert.deepEqual(
      new Set(report.left.map(({ reason }) => reason)),
      new Set(["excluded by the configuration"]),
    );
    assert.deepEqual(
      report.left.map(({ what }) => what),
      ["hold", "priority", "share"],
    );
    assert.equal(host.domains.find(({ name }) => name === "toy")?.share.weight, 900);
  });
});

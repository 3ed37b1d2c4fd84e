import assert from "node:assert/strict";
import type { ThreadExplanation } from "../../../../core/cycle/explain/explanation.js";
import type { LogFields } from "../../../../core/log.js";
import type { HostSnapshot, TaskSnapshot, Wish } from "../../../../core/policy.js";
import { Random } from "../../../../core/testing/random.js";
import type { DomainSpec } from "../../../../native/simulated/index.js";
import { toyProfile } from "../../../examples/toy.js";
import { linuxProfile } from "../scheduled-host.js";
import { ExplainedHost, type Asked } from "./explained-host.js";

const burn = { kind: "burn" } as const;
const inTurn = { kind: "alternate", busyMs: 400, idleMs: 600 } as const;

const domains: readonly DomainSpec[] = [
  {
    name: "batch",
    kind: "pvh",
    vcpuCount: 2,
    processes: [
      { comm: "backup", workload: burn },
      { comm: "job", workload: { kind: "threads", count: 2, each: burn } },
      { comm: "jobber", workload: { kind: "sleepy", periodMs: 70, workUs: 300 } },
    ],
  },
  {
    name: "web",
    kind: "pv",
    vcpuCount: 1,
    weight: 300,
    processes: [
      { comm: "web", workload: inTurn },
      { comm: "job", workload: { kind: "forker", perSecond: 4, childMs: 120 }, nice: 3 },
    ],
  },
  { name: "toys", kind: "pvh", os: "toy", processes: [{ comm: "background", workload: burn }] },
  { name: "odd", kind: "pvh", os: "windows", processes: [] },
];
const profiles = [linuxProfile, toyProfile()];

function rowsOf({ target }: Exclude<Wish, { kind: "share" }>): readonly number[] {
  const tasks: readonly TaskSnapshot[] = "threads" in target ? target.threads : [target];
  return tasks.map(({ row }) => row);
}

/** What a policy that was asked wishes for the task in this row. */
function wishedBy({ wishes }: Asked, row: number) {
  const holds = wishes.filter((wish) => wish.kind === "hold" && rowsOf(wish).includes(row));
  const nices = wishes.flatMap((wish) =>
    wish.kind === "priority" && rowsOf(wish).includes(row) ? [wish.nice] : [],
  );
  return { hold: holds.length > 0, nice: nices.length === 0 ? undefined : Math.max(...nices) };
}

/** Compares what is told of the wishes for one thread with what the policies say when they are asked again. */
function checkWishes(
  told: ThreadExplanation,
  row: number,
  asked: readonly Asked[],
  touchable: boolean,
): void {
  const expected = asked.map((each) => ({ policy: each.policy, ...wishedBy(each, row) }));
  assert.deepEqual(
    told.wished.map(({ policy, hold, nice }) => ({ policy, hold: hold !== undefined, nice: nice?.value })),
    expected.filter(({ hold, nice }) => hold || nice !== undefined),
  );
  const alive = touchable && told.state !== "exited";
  assert.equal(told.hold.counts, alive && expected.some(({ hold }) => hold));
  assert.equal(told.hold.wishedForNs !== undefined, told.hold.counts);
  const nices = expected.flatMap(({ nice }) => nice ?? []);
  assert.equal(told.priority.niceCounts, alive && nices.length > 0 ? Math.max(...nices) : undefined);
}

/** The last of these events for a thread, as the scheduler logged it. */
function lastOf(logged: readonly LogFields[], tid: number, ...events: readonly string[]) {
  return logged.findLast((fields) => fields.tid === tid && events.includes(fields.event));
}

describe("explain, with idle-only, time-quota and priority-tiers at once", function () {
  this.timeout(60_000);

  for (const seed of [1, 2])
    it(`is right for every task of the host, at random moments (seed ${seed})`, async () => {
      const explained = new ExplainedHost({ domains, profiles, seed, lockProbability: 0.4 });
      const { scheduled } = explained;
      const { host, registry } = scheduled;
      const random = new Random(seed);
      await scheduled.attach();
      const seen = { held: 0, niced: 0, sharesChanged: 0, kernel: 0 };
      for (let moment = 0; moment < 14; moment++) {
        await scheduled.run(1 + random.below(6));
        const snapshot: HostSnapshot = scheduled.cycle.view();
        const stillNs = new Map<string, number>();
        for (const [row, domain] of snapshot.domains.entries()) {
          const { domain: whole, policies } = explained.explain(domain.name);
          assert.deepEqual(
            policies.map(({ answer }) => answer),
            ["answered", "answered", "answered"],
          );
          const truth = host.domains.find(({ name }) => name === domain.name)?.share;
          assert.deepEqual(whole.share.present, truth);
          if (whole.share.own !== undefined) seen.sharesChanged++;
          const weights = explained.asked.flatMap(({ wishes }) =>
            wishes.flatMap((wish) =>
              wish.kind === "share" && wish.target === domain ? (wish.weight ?? []) : [],
            ),
          );
          const weight = weights.length === 0 ? undefined : Math.min(...weights);
          assert.equal(whole.share.counts.weight?.value, weight);
          assert.equal(truth?.weight, weight ?? registry.domains[row]?.shares.own?.weight ?? truth?.weight);
          for (const process of domain.processes) {
            const { processes } = explained.explain(domain.name, process.pid);
            assert.equal(processes?.length, 1);
            const [told] = processes;
            assert.equal(told?.name, process.name);
            for (const [i, task] of process.threads.entries()) {
              const thread: ThreadExplanation | undefined = told.threads[i];
              assert.ok(thread);
              assert.deepEqual([thread.tid, thread.hold.state], [task.id, task.hold]);
              checkWishes(thread, task.row, explained.asked, !process.kernel && !process.untouchable);
              if (process.kernel) seen.kernel++;
              if (domain.name === "toys") continue;
              const stat = host.guest(domain.name).procStat(task.id);
              assert.equal(thread.priority.presentNice, stat?.nice, `${domain.name} ${task.name}`);
              assert.equal(thread.priority.present, (stat?.nice ?? 0) + 120);
              if (thread.priority.present !== thread.priority.own) seen.niced++;
              const { hold } = thread;
              if (hold.state !== "held" || hold.change !== undefined) continue;
              seen.held++;
              assert.ok(hold.counts);
              stillNs.set(`${domain.name} ${task.id}`, stat?.sumExecRuntimeNs ?? -1);
            }
          }
        }
        explained.pass();
        for (const [who, ns] of stillNs) {
          const [name = "", tid] = who.split(" ");
          assert.equal(host.guest(name).procStat(Number(tid))?.sumExecRuntimeNs, ns, `${who} is held`);
        }
      }
      assert.deepEqual(scheduled.complaints(), []);
      for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `nothing was ${what}`);
    });

  it("tells since when, how often it was tried and what came of it, as the log has it", async () => {
    const explained = new ExplainedHost({ domains, profiles, seed: 4, lockProbability: 0.4 });
    const { scheduled } = explained;
    const { host, logged } = scheduled;
    await scheduled.attach();
    const times = new Map<LogFields, number>();
    const seen = { held: 0, notNow: 0, priority: 0 };
    for (let tick = 0; tick < 80; tick++) {
      const before = logged.length;
      await scheduled.run(1);
      const tickNs = explained.sources.cycle.last?.beganNs ?? 0;
      for (const fields of logged.slice(before)) times.set(fields, tickNs);
      for (const { name, processes } of scheduled.cycle.view().domains) {
        if (name === "toys") continue;
        const ofDomain = logged.filter(({ domain }) => domain === name);
        for (const { pid } of processes.filter(({ kernel }) => !kernel)) {
          for (const { tid, hold, priority } of explained.explain(name, pid).processes?.[0]?.threads ?? []) {
            const edit = lastOf(ofDomain, tid, "hold", "release");
            if (hold.state !== "none" && hold.change === undefined) {
              assert.deepEqual([edit?.event, edit?.outcome, hold.foundHeld], ["hold", "committed", false]);
              assert.equal(hold.heldForNs, host.nowNs - (times.get(edit ?? { event: "" }) ?? 0));
              seen.held++;
            }
            if (hold.change?.outcome !== undefined && !hold.change.leftOver) {
              assert.deepEqual([hold.change.kind, hold.change.outcome], [edit?.event, edit?.outcome]);
              assert.equal(times.get(edit ?? { event: "" }), tickNs);
              const tries = ofDomain.filter(
                (fields) =>
                  fields.tid === tid &&
                  fields.event === hold.change?.kind &&
                  (times.get(fields) ?? 0) >= host.nowNs - hold.change.wantedForNs,
              );
              assert.equal(hold.change.tries, tries.length);
              if (hold.change.outcome !== "committed") seen.notNow++;
            }
            if (priority.changedForNs === undefined) continue;
            const change = ofDomain.findLast(
              (fields) => fields.tid === tid && fields.event === "priority" && fields.outcome === "committed",
            );
            assert.deepEqual(
              [change?.to, change && times.get(change)],
              [priority.present, host.nowNs - priority.changedForNs],
            );
            seen.priority++;
          }
        }
      }
    }
    for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `nothing was ${what}`);
  });
});

import { Worker } from "node:worker_threads";
import { Wishes } from "../../core/policies/policies.js";
import { PolicyWorker } from "../../core/policies/policy-worker.js";
import { WorkerPolicies } from "../../core/policies/worker-policies.js";
import { HostColumns } from "../../core/snapshot/host-columns.js";
import { HostTicks } from "../core/policies/host-ticks.js";
import { holdAll, PolicyFolder, PolicyHost } from "../core/policies/policy-host.js";
import { microseconds, quantiles, type Quantiles } from "./figures.js";

const reloads = 50;
const ticks = 2000;

/** From a version that is wanted to one that is live, and from a question to its answer, beside an empty round trip. */
export async function benchReload(): Promise<readonly string[]> {
  const live = await wantedToLive();
  const empty = await emptyRoundTrip();
  const lines = [
    `p50 / p99 / max of ${reloads} replacements and ${ticks} questions`,
    `wanted until live                      ${microseconds(live)}`,
    `empty round trip through Atomics       ${microseconds(empty)}`,
  ];
  for (const tasks of [300, 5000]) {
    const asked = await askedToAnswered(tasks);
    const ratio = (asked.p50 / empty.p50).toFixed(1);
    lines.push(
      `a policy asked, ${String(tasks).padStart(4)} tasks, all wished  ${microseconds(asked)}   ${ratio} x`,
    );
  }
  return lines;
}

async function wantedToLive(): Promise<Quantiles> {
  await using host = new PolicyHost();
  const timesNs: number[] = [];
  for (let i = 0; i <= reloads; i++) {
    const spec = host.spec("bench", holdAll(`version ${i}`));
    const from = performance.now();
    await host.supervisor.want([spec]);
    if (i > 0) timesNs.push((performance.now() - from) * 1e6);
  }
  return quantiles(timesNs);
}

async function askedToAnswered(tasks: number): Promise<Quantiles> {
  using folder = new PolicyFolder();
  const columns = HostColumns.allocate(tasks);
  const host = new HostTicks(columns, tasks);
  host.next();
  const settings = { host: columns.buffers, capacity: tasks, memoryMb: 64 };
  const patience = { loadMs: 10_000, stateMs: 10_000, hangMs: 10_000 };
  const thread = new PolicyWorker(
    folder.spec("bench", holdAll("all")),
    settings,
    patience,
    undefined,
    () => undefined,
  );
  await thread.loaded();
  await thread.start(undefined);
  const policies = new WorkerPolicies(columns, 1000);
  policies.use([{ name: "bench", incarnation: thread.incarnation, channel: thread.channel.buffers }]);
  const wishes = new Wishes(tasks);
  const timesNs = measured(
    () => {
      policies.decide(wishes);
    },
    () => host.next(),
  );
  await thread.end();
  return quantiles(timesNs);
}

async function emptyRoundTrip(): Promise<Quantiles> {
  const words = new Int32Array(new SharedArrayBuffer(8));
  const echo = `const words = require("node:worker_threads").workerData;
    for (let n = 0; ; n++) { Atomics.wait(words, 0, n); Atomics.store(words, 1, n + 1); Atomics.notify(words, 1); }`;
  const worker = new Worker(echo, { eval: true, workerData: words });
  let n = 0;
  const timesNs = measured(() => {
    Atomics.store(words, 0, ++n);
    Atomics.notify(words, 0);
    Atomics.wait(words, 1, n - 1);
  });
  await worker.terminate();
  return quantiles(timesNs);
}

function measured(work: () => void, before: () => void = () => undefined): readonly number[] {
  const timesNs: number[] = [];
  for (let i = -200; i < ticks; i++) {
    before();
    const from = performance.now();
    work();
    if (i >= 0) timesNs.push((performance.now() - from) * 1e6);
  }
  return timesNs;
}

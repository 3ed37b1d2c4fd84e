import assert from "node:assert/strict";
import { constants } from "node:os";
import { after, before, describe, it } from "mocha";
import type { ProcessReport } from "../../../core/cli/host-report.js";
import type { Guest } from "../guest.js";
import { sleepMs } from "../vmmsched-log.js";
import { assertNoComplaint } from "./complaints.js";
import { wantedKernels } from "./kernels.js";
import { QemuLab } from "./lab.js";
import { askThreads, type Told } from "./told.js";
import { ps } from "./vmmsched.js";
import { startProcesses } from "./works.js";

/** How long the workloads run before they are compared, in the guest's time. */
const busySeconds = 3;
const stopTimeoutMs = 60_000;
const workloads = [
  { name: "crunch", command: "burn", processes: 1 },
  { name: "chat", command: "pingpong", processes: 2 },
  { name: "crew", command: "threads 3", processes: 1 },
  { name: "doze", command: "sleepy 20 400000", processes: 1 },
];

for (const kernel of wantedKernels)
  describe(`accounting on QEMU guests with Linux ${kernel.series}`, () => {
    let lab: QemuLab;
    before(async () => {
      lab = await QemuLab.open("accounting", kernel);
    });
    after(async () => {
      await lab[Symbol.asyncDispose]();
    });

    for (const vcpus of [1, 2])
      it(`is the guest's own, to the nanosecond, where tasks stand still (${String(vcpus)} vCPUs)`, async () => {
        const name = `guest${String(vcpus)}`;
        await lab.boot({ name, vcpus });
        const guest = lab.guest(name);
        const pids: number[] = [];
        for (const { name, command, processes } of workloads)
          pids.push(...(await startProcesses(guest, name, command, processes)));
        const began = (await askThreads(guest)).realtime;
        await told(guest, ({ realtime }) => realtime - began > busySeconds);
        for (const { name } of workloads)
          await guest.send(`signal ${name} ${String(constants.signals.SIGSTOP)}`);
        const { threads } = await told(guest, isStopped);

        const [look] = (await ps(lab)) as readonly {
          readonly domains: readonly {
            readonly name: string;
            readonly processes: readonly ProcessReport[];
          }[];
        }[];
        const seen = (look?.domains.find((one) => one.name === name)?.processes ?? [])
          .filter(({ pid }) => pids.includes(pid))
          .flatMap((process) => process.threads);
        assert.equal(seen.length, threads.size);
        for (const thread of seen) {
          const own = threads.get(thread.tid);
          assert.ok(own !== undefined && own.ns > 0, thread.name);
          assert.deepEqual(
            [thread.cpuTimeNs, thread.waitTimeNs, thread.voluntarySwitches, thread.involuntarySwitches],
            [own.ns, own.waitNs, own.voluntarySwitches, own.involuntarySwitches],
            thread.name,
          );
          assert.equal(thread.uid, own.uid);
        }
        for (const { name } of workloads)
          await guest.ask(`stop ${name}`, new RegExp(`^STOPPED ${name} `), stopTimeoutMs);
        await assertNoComplaint(guest);
      }).timeout(180_000);
  });

/** What the guest tells as soon as it is so. */
async function told(guest: Guest, ready: (told: Told) => boolean): Promise<Told> {
  const deadline = performance.now() + stopTimeoutMs;
  for (;;) {
    const now = await askThreads(guest);
    if (ready(now)) return now;
    assert.ok(performance.now() < deadline, JSON.stringify([...now.threads]));
    await sleepMs(50);
  }
}

function isStopped({ threads }: Told): boolean {
  return [...threads.values()].every(({ state }) => state === "T");
}

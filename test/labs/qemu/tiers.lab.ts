import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { after, before, describe, it } from "mocha";
import { run } from "../command.js";
import { Endings } from "../endings.js";
import {
  runTierPhase,
  tierNames,
  tierPhases,
  tierPolicies,
  type Sides,
  type TierLab,
} from "../tier-experiment.js";
import { assertNoComplaint } from "./complaints.js";
import { assertExplained } from "./explained.js";
import { HostCgroups } from "./host-cgroups.js";
import { wantedKernels } from "./kernels.js";
import { QemuLab } from "./lab.js";
import { Vmmsched } from "./vmmsched.js";

const sides: Sides = ["one", "two"];
/** The CPU that both share; vmmsched may run on others. */
const hostCpu = 1;

for (const kernel of wantedKernels)
  describe(`priority-tiers on QEMU, two guests on one CPU, Linux ${kernel.series}`, () => {
    const endings = new Endings();
    let lab: QemuLab;
    let cgroups: HostCgroups;
    let vmmsched: Vmmsched;
    const shared: TierLab = {
      guest: (name) => lab.guest(name),
      hostUptime: () => lab.hostUptime(),
      cpuSeconds: (names) => Promise.all(names.map((name) => secondsOf(lab.guest(name).qemuPid))),
    };
    before(async () => {
      lab = await QemuLab.open("tiers", kernel);
      cgroups = await HostCgroups.make();
      endings.add(() => cgroups[Symbol.asyncDispose]());
      endings.add(() => lab[Symbol.asyncDispose]());
      for (const name of sides) {
        const guest = await lab.boot({ name, vcpus: 1, tsc: false });
        await run("taskset", ["--all-tasks", "--cpu-list", "--pid", String(hostCpu), String(guest.qemuPid)]);
        await cgroups.give(name, guest.qemuPid);
      }
      vmmsched = await Vmmsched.start(lab, tierPolicies(sides, "domain"), sides);
      endings.add(() => vmmsched[Symbol.asyncDispose]());
    });
    after(() => endings.run());

    for (const phase of tierPhases)
      it(phase.what, async () => {
        await runTierPhase(shared, sides, phase, { ofDue: 0.05, ofCpu: 0.005 });
      }).timeout(600_000);

    it("explains every process, and is right", async () => {
      for (const [side, name] of sides.entries()) {
        const expected = tierNames.filter(([, on]) => on === side);
        const asked = await assertExplained(
          lab.folder,
          lab.guest(name),
          expected.map(([tier]) => ({ name: tier, because: `priority-tiers: in tier ${tier}` })),
        );
        process.stdout.write(`      ${name}: ${String(asked)} processes\n`);
      }
    });

    it("gives back all weights and nice values, and leaves the guests healthy", async () => {
      assert.equal(await vmmsched.stop(), 0, "exit code");
      assert.deepEqual(
        vmmsched.log.filter(({ level }) => level === "error"),
        [],
      );
      for (const name of sides) {
        assert.equal(await cgroups.weight(name), cgroups.usualWeight);
        await assertNoComplaint(lab.guest(name));
      }
    });
  });

/** Of CPU time that all threads of this process have had. */
async function secondsOf(pid: number): Promise<number> {
  const folder = `/proc/${String(pid)}/task`;
  let ns = 0;
  for (const thread of await readdir(folder))
    ns += Number((await readFile(`${folder}/${thread}/schedstat`, "latin1")).split(" ")[0]);
  return ns / 1e9;
}

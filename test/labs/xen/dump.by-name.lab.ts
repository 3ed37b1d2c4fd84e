import { after, before, describe, it } from "mocha";
import { assertSameProcesses, domainIn } from "../dumped.js";
import { XenLab } from "./lab.js";

const guests = ["pv1", "pvh1"] as const;
const timeoutMs = 600_000;
/** A kernel's own threads, and the workloads. */
const leastProcesses = 30;
const core = "/tmp/guest.core";
const ps = "node /opt/vmmsched/dist/core/main.js ps --json";

describe("xl dump-core on real Xen", () => {
  let lab: XenLab;
  before(async () => {
    lab = await XenLab.restore({ name: "dump" });
  });
  after(async () => {
    await lab.close();
  });

  for (const name of guests)
    it(`${name}: ps --image shows of the core what ps shows of the paused domain`, async () => {
      for (const workload of ["crew threads 3", "nap sleepy 50", "work burn"])
        await lab
          .guest(name)
          .ask(`start ${workload}`, new RegExp(`^STARTED ${workload.split(" ")[0] ?? ""} `));
      await lab.dom0.run(`xl pause ${name}`);
      const live = await lab.dom0.run(`${ps} ${name}`, { timeoutMs });
      await lab.dom0.run(`xl dump-core ${name} ${core}`, { timeoutMs });
      await lab.dom0.run(`xl unpause ${name}`);
      const dumped = await lab.dom0.run(`${ps} --image ${core}; code=$?; rm ${core}; exit $code`, {
        timeoutMs,
      });
      const seen = domainIn(live.stdout, name);
      assertSameProcesses(seen, domainIn(dumped.stdout), leastProcesses);
      process.stdout.write(`      ${name}: ${String(seen.processes.length)} processes are the same\n`);
    });
});

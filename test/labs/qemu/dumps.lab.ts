import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { run } from "../command.js";
import { assertSameProcesses, domainIn, type DumpedDomain } from "../dumped.js";
import { repository } from "../places.js";
import { wantedKernels } from "./kernels.js";
import { QemuLab } from "./lab.js";
import { ps } from "./vmmsched.js";

/** A kernel's own threads, and the workloads. */
const leastProcesses = 30;
const ramBytes = 512 * 2 ** 20;

async function psOf(image: string): Promise<DumpedDomain> {
  const main = join(repository, "dist", "core", "main.js");
  return domainIn((await run(process.execPath, [main, "ps", "--json", "--image", image])).toString());
}

for (const kernel of wantedKernels)
  describe(`images of one stopped QEMU guest with Linux ${kernel.series}`, () => {
    let lab: QemuLab;
    let live: DumpedDomain;
    before(async () => {
      lab = await QemuLab.open("dumps", kernel);
      const guest = await lab.boot({ name: "guest", vcpus: 2 });
      for (const workload of ["crew threads 3", "nap sleepy 50", "work burn"])
        await guest.ask(`start ${workload}`, new RegExp(`^STARTED ${workload.split(" ")[0] ?? ""} `));
      const admin = await lab.admin("guest");
      await admin.command("stop");
      live = domainIn(JSON.stringify((await ps(lab))[0]), "guest");
    });
    after(async () => {
      await lab[Symbol.asyncDispose]();
    });

    const files = {
      "raw RAM (pmemsave)": {
        name: "guest.raw",
        command: "pmemsave",
        args: (filename: string) => ({ val: 0, size: ramBytes, filename }),
      },
      "an ELF core (dump-guest-memory)": {
        name: "guest.elf",
        command: "dump-guest-memory",
        args: (filename: string) => ({ paging: false, protocol: `file:${filename}` }),
      },
    } as const;
    for (const [what, { name, command, args }] of Object.entries(files))
      it(`${what} tells what ps tells of the guest itself`, async () => {
        const image = join(lab.sockets, name);
        await (await lab.admin("guest")).command(command, args(image));
        assertSameProcesses(await psOf(image), live, leastProcesses);
        process.stdout.write(`      ${String(live.processes.length)} processes are the same\n`);
      });

    it("the file that backs its RAM does, too", async () => {
      assertSameProcesses(await psOf(join(lab.sockets, "guest.ram")), live, leastProcesses);
    });
  });

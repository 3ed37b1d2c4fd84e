import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { run } from "../command.js";
import { parseProcessListings, type ProcessListing } from "../parse.js";
import { compareProcesses, type SeenProcess } from "../process-comparison.js";
import { wantedKernels } from "./kernels.js";
import { QemuLab } from "./lab.js";
import type { QemuGuest } from "./qemu-guest.js";
import { psOfImage } from "./vmmsched.js";

const processes = 350;
/** More than the guest needs beside its kernel's own threads. */
const crowd = 310;
const guests = [
  { name: "four-level", vcpus: 1, memoryMib: 1024, la57: false },
  { name: "five-level", vcpus: 1, memoryMib: 1024, la57: true },
] as const;

interface ImageLook {
  readonly domains: readonly { readonly managed: boolean; readonly processes: readonly SeenProcess[] }[];
}

for (const kernel of wantedKernels)
  describe(`images of the RAM of QEMU guests with Linux ${kernel.series}`, () => {
    let lab: QemuLab;
    before(async () => {
      lab = await QemuLab.open("image", kernel);
    });
    after(async () => {
      await lab[Symbol.asyncDispose]();
    });

    for (const options of guests)
      it(`${options.name} paging: ps --image shows what the guest's own /proc shows`, async () => {
        await using guest = await lab.boot(options);
        await guest.ask(`start crowd crowd ${String(crowd)}`, /^STARTED crowd /);
        await guest.ask("start crew threads 3", /^STARTED crew /);
        const first = await list(guest);
        const admin = await lab.admin(guest.name);
        await admin.command("stop");
        const image = join(process.env.VMMSCHED_LAB_IMAGES ?? lab.sockets, `${options.name}.raw`);
        if (process.env.VMMSCHED_LAB_IMAGES !== undefined)
          await mkdir(process.env.VMMSCHED_LAB_IMAGES, { recursive: true });
        // Pages of zeros that the guest has touched become holes as well.
        await run("cp", ["--sparse=always", guest.ram, image]);
        await admin.command("cont");
        const second = await list(guest);
        if (process.env.VMMSCHED_LAB_IMAGES !== undefined)
          await writeFile(
            image.replace(/raw$/, "json"),
            `${JSON.stringify(second.processes, undefined, 1)}\n`,
          );

        const look = (await psOfImage(image)) as ImageLook;
        const [domain] = look.domains;
        assert.equal(domain?.managed, true);
        assert.ok(domain.processes.length >= processes, `${String(domain.processes.length)} processes`);
        const births = { shortLived: [], parents: ["kthreadd", "crowd"] };
        const { compared, mismatches } = compareProcesses(domain.processes, first, second, births);
        assert.deepEqual(mismatches, []);
        assert.ok(compared >= processes, `only ${String(compared)} processes stayed the same`);
      });
  });

/** A listing of the guest's own /proc that begins from now on, once all its processes are there. */
async function list(guest: QemuGuest): Promise<ProcessListing> {
  const since = await guest.end();
  await guest.send("proclist 500");
  for (let at = since; ; at = await guest.end()) {
    await guest.waitFor(/^PROC end/, 120_000, at);
    const whole = parseProcessListings((await guest.lines(since)).lines).find(
      (listing) => listing.processes.length >= processes,
    );
    if (whole === undefined) continue;
    await guest.send("proclist 0");
    return whole;
  }
}

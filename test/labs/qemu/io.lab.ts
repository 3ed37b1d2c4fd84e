import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { sleepMs, type LogLine } from "../vmmsched-log.js";
import { assertNoComplaint } from "./complaints.js";
import { wantedKernels } from "./kernels.js";
import { QemuLab } from "./lab.js";
import type { QemuGuest } from "./qemu-guest.js";
import { Vmmsched } from "./vmmsched.js";

/** How long each rate is measured, in the guest's time. */
const seconds = Number(process.env.VMMSCHED_LAB_SECONDS ?? 20);
const mib = 2 ** 20;
const limit = 2 * mib;
const tolerance = 0.1;
/** What was let through at once before a limit came is written within this. */
const settleMs = 3000;
const sectorBytes = 512;

const policies = `
policies:
  - name: priority-tiers
    options:
      tiers:
        - { name: service, processes: [{ domain: web, process: work }], weight: 100 }
        - { name: backup, weight: 10, ioBytesPerSecond: ${String(limit)} }
      weightOf: domain
`;

interface DiskStats {
  readonly realtime: number;
  readonly bytes: number;
}

/** What the guest's own /proc/diskstats says. */
async function statsOf(guest: QemuGuest): Promise<DiskStats> {
  const [, realtime, read, written] = await guest.ask(
    "diskstats",
    /^DISK rt=([\d.]+) read=(\d+) written=(\d+)/,
  );
  return { realtime: Number(realtime), bytes: sectorBytes * (Number(read) + Number(written)) };
}

/** Bytes per second that its disk reads and writes from now on. */
async function rateOf(guest: QemuGuest): Promise<number> {
  const first = await statsOf(guest);
  for (;;) {
    await sleepMs(500);
    const latest = await statsOf(guest);
    const passed = latest.realtime - first.realtime;
    if (passed >= seconds) return (latest.bytes - first.bytes) / passed;
  }
}

/** Was `ioBytesPerSecond` the last limit that this domain was given? */
function isLimited(lines: readonly LogLine[], domain: string, ioBytesPerSecond: number): boolean {
  const changes = lines.filter((line) => line.event === "share" && line.domain === domain);
  const to = changes.at(-1)?.to as { readonly ioBytesPerSecond?: number } | undefined;
  return to?.ioBytesPerSecond === ioBytesPerSecond;
}

/** Limits of the guest's disk, as QEMU itself tells an administrator. */
async function throttleOf(lab: QemuLab, name: string): Promise<Readonly<Record<string, unknown>>> {
  const qmp = await lab.admin(name);
  const answer = (await qmp.command("query-block")) as readonly {
    readonly inserted?: Readonly<Record<string, unknown>>;
  }[];
  const inserted = answer.find((each) => each.inserted?.file !== undefined)?.inserted ?? {};
  const { bps, bps_rd, bps_wr, iops, bps_max, group } = inserted;
  return { bps, bps_rd, bps_wr, iops, bps_max, group };
}

for (const kernel of wantedKernels)
  describe(`I/O limits on QEMU, Linux ${kernel.series}`, () => {
    let lab: QemuLab;
    let batch: QemuGuest;
    let web: QemuGuest;
    before(async () => {
      lab = await QemuLab.open("io", kernel);
      batch = await lab.boot({ name: "batch", vcpus: 1, diskMib: 64 });
      web = await lab.boot({ name: "web", vcpus: 1 });
      await batch.ask("start copy disk", /^STARTED copy /);
    });
    after(() => lab[Symbol.asyncDispose]());

    const show = (what: string, rate: number) =>
      void process.stdout.write(`      ${what}: ${(rate / mib).toFixed(3)} MiB/s by /proc/diskstats\n`);

    async function assertFree(what: string): Promise<void> {
      const rate = await rateOf(batch);
      show(what, rate);
      assert.ok(rate > 3 * limit, `${what}: ${String(rate)} bytes per second`);
    }

    async function assertLimited(vmmsched: Vmmsched, what: string): Promise<void> {
      await web.ask("start work burn", /^STARTED work /);
      await vmmsched.waitForLog((lines) => isLimited(lines, "batch", limit));
      await sleepMs(settleMs);
      const rate = await rateOf(batch);
      show(what, rate);
      assert.ok(Math.abs(rate / limit - 1) <= tolerance, `${what}: ${String(rate)} bytes per second`);
      assert.equal((await throttleOf(lab, "batch")).bps, limit);
    }

    it("slow a writer down while a higher tier works in another guest, and no longer", async () => {
      const own = await throttleOf(lab, "batch");
      assert.equal(own.bps, 0);
      await assertFree("before");
      await using vmmsched = await Vmmsched.start(lab, policies, ["batch", "web"]);
      await assertLimited(vmmsched, "while the other guest works");
      await web.ask("stop work", /^STOPPED work/);
      await vmmsched.waitForLog((lines) => isLimited(lines, "batch", 0));
      await assertFree("while it does not");
      await assertLimited(vmmsched, "while it works again");
      assert.equal(await vmmsched.stop(), 0, "exit code");
      assert.equal(vmmsched.log.find(({ event }) => event === "stopped")?.left, 0);
      assert.deepEqual(await throttleOf(lab, "batch"), own);
      await assertFree("afterwards");
      await web.ask("stop work", /^STOPPED work/);
    }).timeout(600_000 + seconds * 20_000);

    it("give back what an administrator had set", async () => {
      const qmp = await lab.admin("batch");
      const none = { bps_rd: 0, bps_wr: 0, iops_rd: 0, iops_wr: 0 };
      const his = { id: "nvme0", bps: 16 * mib, bps_max: 32 * mib, iops: 5000, group: "his", ...none };
      await qmp.command("block_set_io_throttle", his);
      const own = await throttleOf(lab, "batch");
      assert.deepEqual([own.bps, own.bps_max, own.iops, own.group], [16 * mib, 32 * mib, 5000, "his"]);
      await using vmmsched = await Vmmsched.start(lab, policies, ["batch", "web"]);
      await assertLimited(vmmsched, "below his limit");
      assert.equal((await throttleOf(lab, "batch")).iops, 5000);
      assert.equal(await vmmsched.stop(), 0, "exit code");
      assert.deepEqual(await throttleOf(lab, "batch"), own);
    }).timeout(600_000 + seconds * 20_000);

    it("leave the guests healthy", async () => {
      await batch.ask("stop copy", /^STOPPED copy/);
      for (const guest of [batch, web]) await assertNoComplaint(guest);
    });
  });

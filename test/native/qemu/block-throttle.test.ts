import assert from "node:assert/strict";
import { isVmmschedError } from "../../../core/errors.js";
import { BlockThrottle } from "../../../native/qemu/block-throttle.js";
import { Qmp } from "../../../native/qemu/qmp.js";
import type { ScriptedDisk } from "./scripted-disks.js";
import { ScriptedMachine } from "./scripted-machine.js";

const mib = 2 ** 20;
const vda = { qdev: "/machine/peripheral/vda/virtio-backend" };
const vdb = { qdev: "vdb" };

describe("the throttle of a QEMU's disks", () => {
  let machine: ScriptedMachine;
  let qmp: Qmp;
  beforeEach(async () => {
    machine = await ScriptedMachine.start();
    qmp = Qmp.connect(machine.qmp);
    assert.ok(qmp.greeted(10_000));
  });
  afterEach(async () => {
    qmp[Symbol.dispose]();
    await machine[Symbol.asyncDispose]();
  });

  /** Asks at each look. */
  const throttled = () => new BlockThrottle(qmp, 0);
  const seen = async () => (await machine.account()).disks;
  async function commands(): Promise<number> {
    return (await machine.account()).received.filter((each) => each === "block_set_io_throttle").length;
  }

  it("is none where there is nothing that the guest can write to", async () => {
    assert.equal(throttled().get(), undefined);
    await machine.plug({ qdev: "cd", ro: true }, { qdev: "floppy", empty: true });
    const throttle = throttled();
    assert.equal(throttle.get(), undefined);
    throttle.set(mib);
    assert.equal(await commands(), 0);
  });

  it("limits each disk that can be written, once, and lets all go", async () => {
    const cd: ScriptedDisk = { qdev: "cd", ro: true };
    await machine.plug(vda, cd, vdb);
    const throttle = throttled();
    assert.equal(throttle.get(), 0);
    throttle.set(5 * mib);
    assert.equal(throttle.get(), 5 * mib);
    assert.deepEqual(await seen(), [
      { ...vda, ro: false, throttle: { bps: 5 * mib }, group: vda.qdev },
      cd,
      { ...vdb, ro: false, throttle: { bps: 5 * mib }, group: "vdb" },
    ]);
    throttle.set(5 * mib);
    assert.equal(await commands(), 2);
    throttle.set(0);
    assert.equal(throttle.get(), 0);
    assert.deepEqual(await seen(), [{ ...vda, ro: false }, cd, { ...vdb, ro: false }]);
  });

  /** What a disk has from others, what it gets with a limit of 4 MiB/s, and what is read without ours. */
  const owns: Readonly<
    Record<string, readonly [own: Record<string, number>, limited: Record<string, number>, read: number]>
  > = {
    "operations alone": [{ iops: 100, iops_max: 200 }, { iops: 100, iops_max: 200, bps: 4 * mib }, 0],
    "a stricter limit": [{ bps: mib, bps_max: 9 * mib }, { bps: mib, bps_max: 9 * mib }, mib],
    "a greater limit, with bursts": [
      { bps: 9 * mib, bps_max: 99 * mib, bps_max_length: 2, iops_rd: 7 },
      { bps: 4 * mib, iops_rd: 7 },
      9 * mib,
    ],
    "limits of reads and of writes, together stricter": [
      { bps_rd: mib, bps_wr: 2 * mib },
      { bps_rd: mib, bps_wr: 2 * mib },
      3 * mib,
    ],
    "limits of reads and of writes, together greater": [
      { bps_rd: 9 * mib, bps_wr: 2 * mib, iops_size: 4096 },
      { bps: 2 * mib, iops_size: 4096 },
      11 * mib,
    ],
    "a limit of reads alone": [{ bps_rd: 3 * mib }, { bps: 3 * mib }, 0],
  };
  for (const [name, [own, limited, read]] of Object.entries(owns))
    it(`a disk with ${name} gets it back, and never more than it had`, async () => {
      const before: ScriptedDisk = { ...vda, ro: false, throttle: own, group: "of others" };
      await machine.plug(before);
      const throttle = throttled();
      assert.equal(throttle.get(), read);
      throttle.set(4 * mib);
      assert.deepEqual(await seen(), [{ ...before, throttle: limited }]);
      throttle.set(read);
      assert.deepEqual(await seen(), [before]);
      assert.equal(throttle.get(), read);
    });

  it("disks of one group get back what the group had", async () => {
    const group = { ro: false, throttle: { bps: 9 * mib }, group: "g" };
    const before = [
      { ...vda, ...group },
      { ...vdb, ...group },
    ];
    await machine.plug(...before);
    const throttle = throttled();
    assert.equal(throttle.get(), 9 * mib);
    throttle.set(mib);
    assert.deepEqual(
      (await seen()).map((disk) => disk.throttle),
      [{ bps: mib }, { bps: mib }],
    );
    throttle.set(9 * mib);
    assert.deepEqual(await seen(), before);
  });

  it("a disk that is plugged in shows at the next look, and is limited with the next set", async () => {
    await machine.plug(vda);
    const throttle = throttled();
    throttle.get();
    throttle.set(mib);
    const [limited] = await seen();
    await machine.plug(limited!, vdb);
    assert.equal(throttle.get(), 0);
    throttle.set(mib);
    assert.equal(throttle.get(), mib);
    assert.equal((await seen())[1]?.throttle?.bps, mib);
    await machine.plug((await seen())[1]!);
    assert.equal(throttle.get(), mib);
    throttle.set(0);
    assert.deepEqual(await seen(), [{ ...vdb, ro: false }]);
  });

  it("what an administrator sets meanwhile is that disk's own", async () => {
    await machine.plug(vda, vdb);
    const throttle = throttled();
    throttle.get();
    throttle.set(mib);
    const [, other] = await seen();
    const his = { ...vda, ro: false, throttle: { bps: 7 * mib, iops: 50 }, group: vda.qdev };
    await machine.plug(his, other!);
    assert.equal(throttle.get(), 0);
    throttle.set(mib);
    assert.deepEqual((await seen())[0]?.throttle, { bps: mib, iops: 50 });
    throttle.set(0);
    assert.deepEqual(await seen(), [his, { ...vdb, ro: false }]);
  });

  it("a medium that is out when it ends is let go when it comes back", async () => {
    await machine.plug(vda);
    const throttle = throttled();
    throttle.get();
    throttle.set(mib);
    const [limited] = await seen();
    await machine.plug({ ...limited!, empty: true }, vdb);
    throttle.set(0);
    assert.equal(throttle.get(), 0);
    await machine.plug(limited!, vdb);
    assert.equal(throttle.get(), 0);
    assert.deepEqual((await seen())[0], { ...vda, ro: false });
  });

  it("what QEMU refuses is an error, and what was set before it is not taken for others'", async () => {
    await machine.plug(vda, vdb);
    const throttle = throttled();
    throttle.get();
    throttle.set(4 * mib);
    await machine.behave("block_set_io_throttle", { error: "no" });
    assert.throws(
      () => throttle.set(mib),
      (error) => isVmmschedError(error, "ERR_HYPERVISOR_CALL"),
    );
    await machine.behave("block_set_io_throttle", {});
    throttle.set(0);
    assert.deepEqual(await seen(), [
      { ...vda, ro: false },
      { ...vdb, ro: false },
    ]);
  });

  it("is asked no more often than it is told", async () => {
    await machine.plug(vda);
    const throttle = new BlockThrottle(qmp, Number.MAX_SAFE_INTEGER);
    for (let i = 0; i < 5; i++) throttle.get();
    const { received } = await machine.account();
    assert.equal(received.filter((each) => each === "query-block").length, 1);
  });
});

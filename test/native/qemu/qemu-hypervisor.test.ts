import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isVmmschedError, type ErrorCode } from "../../../core/errors.js";
import type { Domain } from "../../../core/hypervisor.js";
import { pageBytes, type Frame } from "../../../core/memory/address.js";
import { QemuHypervisor } from "../../../native/qemu/qemu-hypervisor.js";
import type { ScriptedDisk } from "./scripted-disks.js";
import { ScriptedMachine } from "./scripted-machine.js";

const coded = (code: ErrorCode) => (error: unknown) => isVmmschedError(error, code);
const frame = (number: number) => number as Frame;

/** Of the ranges in scripted-qemu.ts. */
const lowFrame = frame(2);
const romFrame = frame(0xc0);
const holeFrame = frame(0x800);
const highFrame = frame(0x100000);
const highOffset = 8 * 2 ** 20;

describe("the QEMU driver", () => {
  let machine: ScriptedMachine;
  let hypervisor: QemuHypervisor;
  beforeEach(async () => {
    machine = await ScriptedMachine.start();
    hypervisor = new QemuHypervisor({ directory: machine.folder, machines: [] });
  });
  afterEach(async () => {
    hypervisor[Symbol.dispose]();
    await machine[Symbol.asyncDispose]();
  });

  function opened(): Domain {
    const [info] = hypervisor.domains();
    assert.ok(info !== undefined, hypervisor.notes.join("; "));
    return hypervisor.open(info.id);
  }

  /** How often it was asked to do this. */
  async function asked(command: string): Promise<number> {
    return (await machine.account()).received.filter((each) => each === command).length;
  }

  it("lists a machine that its directory has, and opens it", () => {
    const infos = hypervisor.domains();
    const [info] = infos;
    assert.equal(infos.length, 1);
    assert.deepEqual(
      { ...info, uuid: "", cpuTimeNs: 0 },
      {
        id: 1,
        uuid: "",
        name: "scripted",
        cpuTimeNs: 0,
        vcpuCount: 2,
        memoryBytes: 16 * 2 ** 20,
        kind: "hvm",
        paused: false,
        ended: false,
        gone: false,
      },
    );
    assert.match(info?.uuid ?? "", /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.ok((info?.cpuTimeNs ?? 0) > 0);
    assert.equal(hypervisor.domains(), infos);
    const domain = opened();
    assert.deepEqual(
      domain.vcpus().map(({ id, root }) => [id, root]),
      [
        [0, 0x100966],
        [1, 0x6211],
      ],
    );
    assert.equal(domain.canInterrupt, true);
    assert.throws(() => hypervisor.open(99), coded("ERR_DOMAIN_GONE"));
  });

  it("names the process of a machine, by which whoever connects next knows it again", () => {
    const { instance } = opened();
    assert.match(instance ?? "", /^\d+\.\d+$/);
    hypervisor[Symbol.dispose]();
    hypervisor = new QemuHypervisor({ directory: machine.folder, machines: [] });
    assert.equal(opened().instance, instance);
  });

  it("has the uuid that it was given", async () => {
    await machine.behave("query-uuid", { return: { UUID: "0F6E2C1A-58B1-4C60-9C0C-0123456789AB" } });
    assert.equal(hypervisor.domains()[0]?.uuid, "0f6e2c1a-58b1-4c60-9c0c-0123456789ab");
  });

  it("reads what lies in its RAM, below and above the hole", () => {
    const { memory } = opened();
    machine.poke(lowFrame * pageBytes + 8, -2);
    machine.poke(highOffset + 12, 0x12345678);
    machine.poke(romFrame * pageBytes, 7);
    assert.equal(memory.i32(lowFrame, 8), -2);
    assert.equal(memory.i32(highFrame, 12), 0x12345678);
    assert.equal(memory.i32(romFrame, 0), 7);
    const bytes = new Uint8Array(4);
    memory.read(highFrame, 12, bytes);
    assert.deepEqual([...bytes], [0x78, 0x56, 0x34, 0x12]);
    const page = new Uint8Array(pageBytes);
    memory.read(highFrame, 0, page);
    assert.equal(page[12], 0x78);
    assert.throws(() => memory.read(highFrame, 4090, new Uint8Array(8)), RangeError);
    const frames = new Uint8Array(4 * pageBytes).fill(9);
    assert.equal(memory.readFrames([lowFrame, holeFrame, highFrame, frame(highFrame + 1)], frames), 3);
    assert.deepEqual(
      [frames[8], frames[pageBytes], frames[2 * pageBytes + 12], frames[3 * pageBytes]],
      [0xfe, 0, 0x78, 0],
    );
    for (const missing of [holeFrame, frame(0xfee00), frame(highFrame + 0x800), frame(2 ** 40)])
      assert.throws(() => memory.i32(missing, 0), coded("ERR_FRAME_UNREADABLE"));
  });

  it("writes while it is paused, and only what is RAM", async () => {
    const domain = opened();
    const paused = domain.pause();
    assert.equal((await machine.account()).running, false);
    paused.memory.write32(highFrame, 16, 0xfffffffe);
    assert.equal(machine.peek(highOffset + 16), -2);
    assert.throws(() => paused.memory.write32(romFrame, 0, 1), coded("ERR_FRAME_UNWRITABLE"));
    assert.throws(() => domain.prepareWrite?.(romFrame), coded("ERR_FRAME_UNWRITABLE"));
    paused.interrupt?.(1, 0xfb);
    assert.equal(paused.vcpus().length, 2);
    paused[Symbol.dispose]();
    paused[Symbol.dispose]();
    assert.equal((await machine.account()).running, true);
    assert.deepEqual(
      [await asked("stop"), await asked("cont"), await asked("writel 0xfee01000 0xfb")],
      [1, 1, 1],
    );
    assert.throws(() => paused.memory.write32(lowFrame, 0, 1), coded("ERR_TRANSACTION_STATE"));
    assert.throws(() => paused.interrupt?.(0, 1), coded("ERR_TRANSACTION_STATE"));
  });

  it("maps nothing for writing before something is to be written", () => {
    const kinds = () =>
      readFileSync("/proc/self/maps", "utf8")
        .split("\n")
        .filter((line) => line.endsWith(machine.ramFile))
        .map((line) => line.split(" ")[1]);
    const domain = opened();
    machine.poke(highOffset, 5);
    assert.equal(domain.memory.i32(highFrame, 0), 5);
    {
      using paused = domain.pause();
      assert.ok(paused.vcpus().length > 0);
      assert.throws(() => domain.prepareWrite?.(romFrame), coded("ERR_FRAME_UNWRITABLE"));
    }
    assert.deepEqual(kinds(), ["r--s"]);
    domain.prepareWrite?.(highFrame);
    assert.deepEqual(kinds(), ["rw-s"]);
    // What was read before is read through the same mapping.
    machine.poke(highOffset, 6);
    assert.equal(domain.memory.i32(highFrame, 0), 6);
  });

  it("refuses a second pause, and gives the first back", async () => {
    const domain = opened();
    {
      using paused = domain.pause();
      assert.ok(paused.memory);
      assert.throws(() => domain.pause(), coded("ERR_TRANSACTION_STATE"));
    }
    assert.deepEqual([await asked("stop"), await asked("cont")], [1, 1]);
  });

  it("leaves a machine stopped that somebody else has stopped", async () => {
    const domain = opened();
    await machine.emit("STOP");
    hypervisor.domains();
    assert.equal(domain.info.paused, true);
    domain.pause()[Symbol.dispose]();
    assert.equal(await asked("cont"), 0);
    assert.equal((await machine.account()).running, false);
  });

  it("also when he stops it after our last look", async () => {
    const domain = opened();
    await machine.behave("query-status", { events: ["STOP"] });
    domain.pause()[Symbol.dispose]();
    assert.equal(await asked("cont"), 0);
  });

  it("writes no more, and resumes nothing, when somebody resumes it meanwhile", async () => {
    const domain = opened();
    const paused = domain.pause();
    await machine.emit("RESUME");
    assert.throws(() => paused.memory.write32(lowFrame, 0, 1), coded("ERR_TRANSACTION_STATE"));
    assert.equal(machine.peek(lowFrame * pageBytes), 0);
    paused[Symbol.dispose]();
    assert.equal(await asked("cont"), 0);
  });

  it("is another domain after a reset; what was bound to the old one is void", async () => {
    const domain = opened();
    const { id, uuid } = domain.info;
    await machine.emit("RESET", { guest: true, reason: "guest-reset" });
    assert.throws(() => domain.pause(), coded("ERR_DOMAIN_GONE"));
    assert.throws(() => domain.memory.i32(lowFrame, 0), coded("ERR_DOMAIN_GONE"));
    const [next] = hypervisor.domains();
    assert.notEqual(next?.id, id);
    assert.deepEqual([next?.uuid, next?.ended], [uuid, false]);
    assert.throws(() => hypervisor.open(id), coded("ERR_DOMAIN_GONE"));
    assert.equal(opened().memory.i32(lowFrame, 0), 0);
    assert.equal(await asked("stop"), 0);
  });

  it("is not written to when the reset comes between stop and write, and runs on", async () => {
    const domain = opened();
    const paused = domain.pause();
    await machine.emit("RESET");
    assert.throws(() => paused.memory.write32(lowFrame, 0, 1), coded("ERR_DOMAIN_GONE"));
    assert.equal(machine.peek(lowFrame * pageBytes), 0);
    paused[Symbol.dispose]();
    assert.equal((await machine.account()).running, true);
  });

  it("is resumed when the reset comes with the stop", async () => {
    const domain = opened();
    await machine.behave("stop", { events: ["RESET", "STOP"] });
    assert.throws(() => domain.pause(), coded("ERR_DOMAIN_GONE"));
    assert.equal((await machine.account()).running, true);
  });

  for (const [event, data] of [
    ["SHUTDOWN", { guest: true, reason: "guest-shutdown" }],
    ["GUEST_PANICKED", { action: "pause" }],
  ] as const)
    it(`has ended after ${event}`, async () => {
      const domain = opened();
      await machine.emit(event, data);
      assert.equal(hypervisor.domains()[0]?.ended, true);
      assert.throws(() => domain.pause(), coded("ERR_DOMAIN_GONE"));
      assert.equal(await asked("stop"), 0);
    });

  it("goes on after POWERDOWN, which only asks the guest to end", async () => {
    const domain = opened();
    await machine.emit("POWERDOWN");
    assert.equal(hypervisor.domains()[0]?.ended, false);
    domain.pause()[Symbol.dispose]();
    assert.equal(await asked("cont"), 1);
  });

  it("is gone when QEMU is killed, also while it is paused", async () => {
    const domain = opened();
    const paused = domain.pause();
    await machine.kill();
    assert.throws(() => paused.memory.write32(lowFrame, 0, 1), coded("ERR_DOMAIN_GONE"));
    paused[Symbol.dispose]();
    assert.deepEqual(hypervisor.domains(), []);
    assert.equal(domain.info.ended, true);
    assert.throws(() => domain.memory.i32(lowFrame, 0), coded("ERR_DOMAIN_GONE"));
    assert.throws(() => domain.pause(), coded("ERR_DOMAIN_GONE"));
    assert.match(hypervisor.notes.join(), /vm\.qmp/);
  });

  it("is connected to again when the socket was lost, as another domain", async () => {
    const domain = opened();
    await machine.tell({ what: "drop" });
    hypervisor.domains();
    assert.equal(domain.info.ended, true);
    const deadline = performance.now() + 10_000;
    while (hypervisor.domains().length === 0 && performance.now() < deadline) await sleep(20);
    const [next] = hypervisor.domains();
    assert.notEqual(next?.id, domain.info.id);
    assert.equal(next?.uuid, domain.info.uuid);
  });

  it("is resumed over a new connection when the old one was lost while it was paused", async () => {
    const paused = opened().pause();
    await machine.tell({ what: "drop" });
    paused[Symbol.dispose]();
    assert.equal((await machine.account()).running, true);
    assert.equal(await asked("cont"), 1);
  });

  it("is not resumed over a new connection when somebody else has done it", async () => {
    const paused = opened().pause();
    await machine.emit("RESUME");
    await machine.tell({ what: "drop" });
    paused[Symbol.dispose]();
    hypervisor.domains();
    assert.equal(await asked("cont"), 0);
  });

  it("runs when all is over, whatever was open", async () => {
    opened().pause();
    hypervisor[Symbol.dispose]();
    assert.equal((await machine.account()).running, true);
    assert.throws(() => hypervisor.domains(), coded("ERR_HYPERVISOR_UNAVAILABLE"));
  });

  it("has disks with a limit, by themselves where there is no cgroup", async () => {
    await machine.plug({ qdev: "vda" });
    const domain = opened();
    const own = domain.share();
    assert.equal(own?.ioBytesPerSecond, 0);
    domain.setShare({ ...own, ioBytesPerSecond: 1e6 });
    assert.deepEqual(domain.share(), { ...own, ioBytesPerSecond: 1e6 });
    assert.equal((await machine.account()).disks[0]?.throttle?.bps, 1e6);
    if (own.weight === undefined)
      assert.throws(() => domain.setShare({ weight: 5 }), coded("ERR_HYPERVISOR_CALL"));
  });

  for (const [what, happen] of [
    ["the guest reboots", () => machine.emit("RESET")],
    ["the connection is lost", () => machine.tell({ what: "drop" })],
  ] as const)
    it(`gets back what its disks had when ${what}: the domain after that has nothing of ours`, async () => {
      const before: ScriptedDisk = { qdev: "vda", ro: false, throttle: { bps: 9e6 }, group: "g" };
      await machine.plug(before);
      const first = opened();
      assert.equal(first.share()?.ioBytesPerSecond, 9e6);
      first.setShare({ ioBytesPerSecond: 1e6 });
      await happen();
      const { id } = first.info;
      const deadline = performance.now() + 30_000;
      while ((hypervisor.domains()[0]?.id ?? id) === id && performance.now() < deadline) await sleep(20);
      assert.notEqual(hypervisor.domains()[0]?.id, id);
      assert.deepEqual((await machine.account()).disks, [before]);
      assert.equal(opened().share()?.ioBytesPerSecond, 9e6);
    });

  it("takes no interrupts without a qtest socket", async () => {
    await machine.behave("endianness", { raw: "FAIL" });
    const domain = opened();
    assert.equal(domain.canInterrupt, false);
    using paused = domain.pause();
    assert.ok(!paused.interrupt);
    assert.match(hypervisor.notes.join(), /takes no interrupts/);
  });

  it("tells why a machine cannot be used, and does not list it", async () => {
    await machine.behave("info mtree -f", { return: "no such command\r\n" });
    assert.deepEqual(hypervisor.domains(), []);
    assert.match(hypervisor.notes.join(), /info mtree -f/);
  });

  it("lists a machine with two sockets once", () => {
    const twice = { qmp: machine.qmp, name: "named" };
    using both = new QemuHypervisor({ directory: machine.folder, machines: [twice] });
    assert.deepEqual(
      both.domains().map(({ name }) => name),
      ["named"],
    );
  });
});

describe("a QEMU whose RAM is not shared", () => {
  it("is listed, and cannot be read", async () => {
    await using machine = await ScriptedMachine.start("private");
    using hypervisor = new QemuHypervisor({ directory: machine.folder, machines: [] });
    const [info] = hypervisor.domains();
    const { memory } = hypervisor.open(info?.id ?? -1);
    assert.throws(
      () => memory.i32(lowFrame, 0),
      (error: unknown) => isVmmschedError(error, "ERR_FRAME_UNREADABLE") && error.message.includes("shared"),
    );
  });
});

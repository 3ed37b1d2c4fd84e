/**
 * Tries the driver on the Xen below: run it in Domain 0 of the Xen lab (or of a machine whose guests may be disturbed)
 * as `node dist/test/native/xen/on-real-xen.js`. It pauses guests, writes back what it read, and destroys the guest
 * that is named by --destroy. One line a check; the exit code is the number of those that failed.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import * as koffi from "koffi";
import type { Domain, DomainInfo } from "../../../core/hypervisor.js";
import { formatVa, pageBytes, type Frame } from "../../../core/memory/address.js";
import { presentPages, walk } from "../../../core/memory/paging.js";
import { openXen, xenDoctor } from "../../../native/xen/index.js";

const { values: options } = parseArgs({ options: { destroy: { type: "string" } } });
const run = (command: string, ...args: string[]): string => execFileSync(command, args, { encoding: "utf8" });

let failed = 0;

async function check(name: string, body: () => unknown): Promise<void> {
  const startMs = performance.now();
  try {
    const said = await body();
    const ms = (performance.now() - startMs).toFixed(1);
    console.log(`ok   ${name} (${ms} ms)${typeof said === "string" ? `: ${said}` : ""}`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}

/** Least and median time of one call in microseconds. */
function timeUs(rounds: number, body: () => void): string {
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const startMs = performance.now();
    body();
    times.push((performance.now() - startMs) * 1000);
  }
  times.sort((a, b) => a - b);
  return `min ${times[0]?.toFixed(0)} us, median ${times[rounds >> 1]?.toFixed(0)} us`;
}

/** Xen's own walk of a guest's page tables (libxenctrl), to compare ours with. */
function translator(): (id: number, va: number) => number {
  const library = koffi.load(process.env.LIBXENCTRL ?? "libxenctrl.so.4.17");
  const open = library.func("void *xc_interface_open(void *, void *, unsigned int)") as unknown as (
    ...values: unknown[]
  ) => bigint;
  const translate = library.func(
    "unsigned long xc_translate_foreign_address(void *, uint32_t, int, uint64_t)",
  ) as unknown as (xch: bigint, id: number, vcpu: number, va: bigint) => number;
  const xch = open(null, null, 0);
  return (id, va) => translate(xch, id, 0, BigInt.asUintN(64, BigInt(va)));
}

/** Flags of the domain in the State column of `xl list`. */
function stateOf(name: string): string {
  const line = run("xl", "list")
    .split("\n")
    .find((text) => text.startsWith(`${name} `));
  return line?.trim().split(/\s+/)[4] ?? "";
}

const kernelImage = { from: -0x7f000000, to: -0x7f000000 + 64 * 2 ** 20 };

function findBanner(domain: Domain): string {
  const [vcpu] = domain.vcpus();
  assert.ok(vcpu);
  const batch: Frame[] = [];
  const into = new Uint8Array(256 * pageBytes);
  let pages = 0;
  const look = (): string | undefined => {
    pages += domain.memory.readFrames(batch, into);
    const text = Buffer.from(into.buffer, 0, batch.length * pageBytes).toString("latin1");
    batch.length = 0;
    return /Linux version [ -~]{10,60}/.exec(text)?.[0];
  };
  for (const { frame } of presentPages(
    domain.memory,
    vcpu.paging,
    vcpu.root,
    kernelImage.from,
    kernelImage.to,
  )) {
    batch.push(frame);
    const found = batch.length === 256 ? look() : undefined;
    if (found !== undefined) return `${found} (after ${pages} pages)`;
  }
  throw new Error(`no banner in ${pages} pages`);
}

async function checkGuest(domain: Domain, info: DomainInfo): Promise<void> {
  const { id, name } = info;
  const pv = info.kind === "pv";
  const translate = translator();
  await check(`${name} vCPUs`, () => {
    const vcpus = domain.vcpus();
    assert.equal(vcpus.length, info.vcpuCount);
    return vcpus
      .map(
        (vcpu) =>
          `${vcpu.id}: ${vcpu.userMode ? "user" : "kernel"} rip ${formatVa(vcpu.rip)} gs ${formatVa(vcpu.gsBase)} ` +
          `root 0x${vcpu.root.toString(16)} ${vcpu.paging.name}`,
      )
      .join("; ");
  });
  await check(`${name} modes`, () => {
    const modes = { user: 0, kernel: 0 };
    for (let i = 0; i < 200; i++) {
      using paused = domain.pause();
      for (const vcpu of paused.vcpus()) modes[vcpu.userMode ? "user" : "kernel"]++;
    }
    return JSON.stringify(modes);
  });
  await check(`${name} page walk agrees with Xen's`, () => {
    const [vcpu] = domain.vcpus();
    assert.ok(vcpu);
    const addresses = [kernelImage.from, kernelImage.from + 0x200000, vcpu.gsBase, -0x778000000000];
    const ours = addresses.map((va) => walk(domain.memory, vcpu.paging, vcpu.root, va));
    assert.deepEqual(
      ours.map((frame) => Math.max(frame, 0)),
      addresses.map((va) => translate(id, va)),
    );
    return ours.map((frame) => `0x${frame.toString(16)}`).join(" ");
  });
  await check(`${name} bulk read finds the kernel's banner`, () => findBanner(domain));
  await check(`${name} missing frame`, () => {
    const missing = (2 ** 36) as Frame;
    assert.throws(() => domain.memory.i32(missing, 0), { code: "ERR_FRAME_UNREADABLE" });
    const [vcpu] = domain.vcpus();
    assert.ok(vcpu);
    const into = new Uint8Array(3 * pageBytes).fill(0xcc);
    assert.equal(domain.memory.readFrames([vcpu.root, missing, vcpu.root], into), 2);
    assert.ok(into.subarray(pageBytes, 2 * pageBytes).every((byte) => byte === 0));
    assert.deepEqual(into.subarray(0, 2048), into.subarray(2 * pageBytes, 2 * pageBytes + 2048));
  });
  await check(`${name} pause and unpause`, () => {
    using paused = domain.pause();
    assert.match(stateOf(name), /p/);
    assert.equal(paused.vcpus().length, info.vcpuCount);
    paused[Symbol.dispose]();
    assert.doesNotMatch(stateOf(name), /p/);
    return timeUs(50, () => domain.pause()[Symbol.dispose]());
  });
  await check(`${name} leaves an administrator's pause alone`, () => {
    run("xl", "pause", name);
    try {
      domain.pause()[Symbol.dispose]();
      assert.match(stateOf(name), /p/);
    } finally {
      run("xl", "unpause", name);
    }
    assert.doesNotMatch(stateOf(name), /p/);
  });
  await check(`${name} write in a pause, seen through another mapping, and put back`, () => {
    using paused = domain.pause();
    const [vcpu] = paused.vcpus();
    assert.ok(vcpu);
    // The end of the page at the kernel's per-CPU area: whatever stands there is put back before the guest runs.
    const frame = walk(paused.memory, vcpu.paging, vcpu.root, vcpu.gsBase) as Frame;
    const old = paused.memory.i32(frame, 4092);
    paused.memory.write32(frame, 4092, ~old >>> 0);
    const copy = new Uint8Array(pageBytes);
    paused.memory.readFrames([frame], copy);
    paused.memory.write32(frame, 4092, old);
    assert.equal(new DataView(copy.buffer).getUint32(4092, true), ~old >>> 0);
    assert.equal(paused.memory.i32(frame, 4092), old);
  });
  await check(`${name} root of the page tables is ${pv ? "not " : ""}writable`, () => {
    using paused = domain.pause();
    const [vcpu] = paused.vcpus();
    assert.ok(vcpu);
    const old = paused.memory.i32(vcpu.root, 0);
    const write = (): void => paused.memory.write32(vcpu.root, 0, old);
    if (pv) assert.throws(write, { code: "ERR_FRAME_UNWRITABLE" });
    else write();
  });
  await check(`${name} share`, () => {
    const before = domain.share();
    assert.ok(before);
    domain.setShare({ weight: 300, capPercent: 40 });
    assert.deepEqual(domain.share(), { weight: 300, capPercent: 40 });
    assert.match(run("xl", "sched-credit2", "-d", name), /300 +40/);
    domain.setShare(before);
    return JSON.stringify(before);
  });
  await check(`${name} hot reads`, () => {
    const [vcpu] = domain.vcpus();
    assert.ok(vcpu);
    const startMs = performance.now();
    let sum = 0;
    for (let i = 0; i < 1_000_000; i++) sum += domain.memory.i32(vcpu.root, (i * 4) & 0xffc);
    const ns = performance.now() - startMs;
    const registers = timeUs(50, () => void domain.vcpus());
    return `u32 ${ns.toFixed(0)} ns (sum ${sum}); vcpus() ${registers}`;
  });
}

async function main(): Promise<void> {
  for (const { name, ok, found } of xenDoctor())
    await check(`doctor: ${name}: ${found}`, () => assert.ok(ok));
  const xen = openXen();
  await check("lists the guests that xl lists", () => {
    const ours = xen.domains().map(({ id, name, vcpuCount, uuid }) => [name, id, vcpuCount, uuid]);
    const xls = run("xl", "list", "-v")
      .trim()
      .split("\n")
      .slice(2)
      .map((line) => line.trim().split(/\s+/))
      .map(([name = "", id, , vcpus, , , uuid]) => [name, Number(id), Number(vcpus), uuid]);
    assert.deepEqual(ours, xls);
    return xen
      .domains()
      .map((info) => `${info.name} ${info.kind} ${info.memoryBytes / 2 ** 20} MiB ${info.cpuTimeNs / 1e6} ms`)
      .join("; ");
  });
  await check("domains()", () => timeUs(100, () => void xen.domains()));
  const domains = xen.domains().map((info) => ({ info, domain: xen.open(info.id) }));
  await check("mappings are confined", () => assert.deepEqual(xen.notes, []));
  for (const { domain, info } of domains) await checkGuest(domain, info);

  for (const { domain, info } of domains.filter(({ info }) => info.kind !== "pv")) {
    await check(`${info.name} takes interrupts`, async () => {
      const usedNs = async (count: number): Promise<number> => {
        xen.domains();
        const beforeNs = info.cpuTimeNs;
        for (let i = 0; i < 100; i++) {
          // The kernel's vector for a function call on one CPU: with nothing queued it does nothing.
          if (i < count) {
            using paused = domain.pause();
            paused.interrupt?.(0, 0xfb);
          }
          await sleep(10);
        }
        xen.domains();
        return info.cpuTimeNs - beforeNs;
      };
      const withoutNs = await usedNs(0);
      if (withoutNs > 0.5e9) return "not measured: the guest is busy, so an interrupt costs it nothing more";
      const withNs = await usedNs(100);
      assert.ok(withNs > withoutNs, `CPU time with ${withNs} ns, without ${withoutNs} ns`);
      return `CPU time with 100 interrupts ${withNs / 1e6} ms, without ${withoutNs / 1e6} ms`;
    });
  }
  const pvs = domains.filter(({ info }) => info.kind === "pv");
  for (const { domain, info } of pvs) {
    await check(`${info.name} event channel, bound again by the next opener`, () => {
      const channel = domain.eventChannel?.();
      channel?.notify();
      const key = `/tool/vmmsched/${info.uuid}/${info.id}/port`;
      assert.equal(run("xenstore-read", key).trim(), String(channel?.port));
      domain[Symbol.dispose]();
      using again = xen.open(info.id);
      const second = again.eventChannel?.();
      second?.notify();
      assert.equal(second?.port, channel?.port);
      return `port ${channel?.port}`;
    });
  }
  const victim = xen.domains().find(({ name }) => name === options.destroy);
  if (victim !== undefined) {
    await check(`${victim.name} destroyed while open`, async () => {
      const { id } = victim;
      const domain =
        domains.find(({ info }) => info === victim && info.kind !== "pv")?.domain ?? xen.open(id);
      const paused = domain.pause();
      const root = paused.vcpus()[0]?.root;
      assert.ok(root !== undefined);
      paused.memory.i32(root, 0);
      run("xl", "destroy", victim.name);
      paused[Symbol.dispose]();
      // The mapped page is there still, and with it the domain, until the next list.
      paused.memory.i32(root, 0);
      const zombie = run("xl", "list").includes("(null)");
      for (let tries = 0; tries < 20 && xen.domains().some((info) => info.id === id); tries++)
        await sleep(100);
      assert.equal(
        xen.domains().some((info) => info.id === id),
        false,
      );
      assert.throws(() => domain.pause(), { code: "ERR_DOMAIN_GONE" });
      assert.throws(() => domain.vcpus(), { code: "ERR_DOMAIN_GONE" });
      assert.throws(() => domain.memory.i32(root, 0), { code: "ERR_DOMAIN_GONE" });
      domain[Symbol.dispose]();
      return zombie ? "was a zombie while mapped, then vanished" : "vanished";
    });
  }
  xen[Symbol.dispose]();
}

await main();
console.log(`RESULT ${failed} failed`);
process.exitCode = failed;

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { isVmmschedError } from "../../../core/errors.js";
import { formatVa, type Frame } from "../../../core/memory/address.js";
import { identify } from "../../../guest-profiles/windows/identify/identify.js";
import type { LayoutFile } from "../../../guest-profiles/windows/layout-file.js";
import { ImageHypervisor } from "../../../native/image/index.js";
import { simulatedMachine } from "../../../native/simulated/simulated-machine.js";
import { bitmapCrashDump } from "../../native/image/crash-dump-bytes.js";
import { ImageFolder } from "../../native/image/image-bytes.js";
import { base, constructWindows } from "./constructed.js";
import { describeWithRealData, realData, shippedLayout, shippedLayouts } from "./shipped.js";

const ten = shippedLayout("10.0.19041.804");
const seven = shippedLayout("6.1.7601.17514");
const vista = shippedLayout("6.0.6001.18000");

function asLayouts(...files: readonly LayoutFile[]): ReadonlyMap<string, unknown> {
  return new Map(files.map((file, i) => [`layouts/${i}.json`, file]));
}

describe("identification of Windows", () => {
  it("of a known GUID: the layout, the base, the System process, all processors", async () => {
    const { domain, exact, system, kpcrs, all } = constructWindows({ layout: ten, debuggerData: "encoded" });
    const found = await identify(domain, new Map([...shippedLayouts, ["layouts/mine.json", exact]]));
    assert.ok(found !== undefined);
    assert.equal(found.standing, "exact");
    assert.equal(found.readOnly, undefined);
    assert.equal(found.version, ten.build);
    assert.deepEqual(found.pdb, exact.pdb);
    assert.equal(formatVa(found.base), formatVa(base));
    assert.equal(found.system, system);
    assert.equal(found.space.root, all.root);
    assert.deepEqual(
      found.processors,
      kpcrs.map((kpcr) => kpcr + 0x180),
    );
    assert.deepEqual(
      found.checks.filter(({ verdict }) => verdict !== "holds"),
      [],
    );
    assert.equal(found.debuggerData?.number("SizeEProcess"), 0xa40);
    assert.match(found.evidence.join("\n"), /interrupt handlers\nlayouts\/mine\.json, by the PDB's GUID/);
  });

  it("with KVA shadow: the kernel's own page table, which the vCPUs' do not show", async () => {
    const { domain, exact, all } = constructWindows({ layout: ten, shadow: true });
    assert.notEqual(domain.vcpus()[0]?.root, all.root);
    const found = await identify(domain, asLayouts(exact));
    assert.equal(found?.space.root, all.root);
  });

  it("with a GS base that is no KPCR: what the page table maps is searched", async () => {
    const { domain, exact } = constructWindows({ layout: ten });
    const vcpus = domain.vcpus().map((vcpu) => ({ ...vcpu, userMode: true, gsBase: 0x7ff0_0000 }));
    const found = await identify({ ...domain, vcpus: () => vcpus }, asLayouts(exact));
    assert.equal(found?.standing, "exact");
    assert.match(found.evidence[0]!, /in what a vCPU's page table maps/);
  });

  it("in RAM without registers: by a page table that points at itself", async () => {
    const { domain, exact, ram } = constructWindows({ layout: ten, image: true });
    // A page that points at itself and leads nowhere comes first.
    const decoy = ram.frame(5);
    for (let entry = 0x100; entry < 0x110; entry++) decoy.writeBigUInt64LE(0x5003n, 8 * entry);
    const found = await identify(domain, asLayouts(exact));
    assert.equal(found?.standing, "exact");
    assert.match(found.evidence[0]!, /RAM was searched for/);
  });

  it("in RAM without registers: by what processors start with", async () => {
    const { domain, exact, ram, all } = constructWindows({ layout: ten, image: true });
    const stub = ram.frame(3);
    stub.writeBigUInt64LE(0x0000_0001_0006_12e9n, 0);
    stub.writeBigUInt64LE(BigInt(all.root) << 12n, 0xa0);
    // Only through the stub: nothing else leads to the table.
    ram.frame(all.root).fill(0, 8 * 0x1ed, 8 * 0x1ee);
    assert.equal((await identify(domain, asLayouts(exact)))?.standing, "exact");
  });

  it("of an unknown GUID: a layout of the same version that everything bears out", async () => {
    for (const [layout, version] of [
      [seven, [6, 1, 0]],
      [vista, [6, 0, 0]],
    ] as const) {
      const { domain, system } = constructWindows({ layout, version });
      const found = await identify(domain, shippedLayouts);
      assert.equal(found?.standing, "candidate");
      assert.equal(found.readOnly, undefined);
      assert.equal(found.system, system);
      assert.equal(found.version, `${version[0]}.${version[1]}`);
      assert.match(
        found.evidence.join("\n"),
        new RegExp(`layouts/${layout.build}\\.json, of the same version`),
      );
    }
  });

  it("of an unknown GUID, with its debugger data encoded: to be read only, with the reason", async () => {
    const { domain } = constructWindows({ layout: ten, debuggerData: "encoded", version: [10, 0, 19045] });
    const found = await identify(domain, shippedLayouts);
    assert.equal(found?.standing, "candidate");
    assert.equal(found.version, "10.0.19045");
    assert.match(found.readOnly ?? "", /cannot be shown that the debugger data block is found/);
  });

  /** What makes a candidate one no longer, though all else is as it should be. */
  const spoilt: readonly [what: string, change: (made: ReturnType<typeof constructWindows>) => unknown][] = [
    [
      "another size of a process",
      ({ all, symbols }) => all.u16(base + symbols.KdDebuggerDataBlock + 0x2a8, 0x4f8),
    ],
    [
      "another place of a thread's state",
      ({ all, symbols }) => all.u16(base + symbols.KdDebuggerDataBlock + 0x2a2, 0x16c),
    ],
    [
      "a page table of the System process that maps something else",
      ({ all, system }) => {
        all.u64(system + 0x28, 0x9000);
        return all.ram.frame(9);
      },
    ],
    ["thread lists that do not agree", ({ all, system, thread }) => all.ring(system + 0x308, thread + 0x428)],
    ["a list of processes that does not close", ({ all, system }) => all.u64(system + 0x190, system)],
    [
      "a bit of the summary over an empty list",
      ({ all, kpcrs }) => all.u32(kpcrs[0]! + 0x180 + 0x4498, 1 << 8),
    ],
    [
      "a list without its bit",
      ({ all, kpcrs, thread }) => all.ring(kpcrs[1]! + 0x180 + 0x4500 + 0x80, thread + 0xa0),
    ],
    ["an idle thread that is none", ({ all, kpcrs }) => all.u64(kpcrs[1]! + 0x180 + 0x18, kpcrs[1]!)],
    ["a processor with another's number", ({ all, kpcrs }) => all.u16(kpcrs[1]! + 0x180 + 0x24, 0)],
  ];
  for (const [what, change] of spoilt)
    it(`of an unknown GUID: ${what} speaks against the layout`, async () => {
      const made = constructWindows({ layout: seven, version: [6, 1, 0] });
      change(made);
      await assert.rejects(identify(made.domain, asLayouts(seven)), (error) => {
        assert.ok(isVmmschedError(error, "ERR_GUEST_UNSUPPORTED"));
        assert.match(
          error.message,
          /Windows 6\.1, ntkrnlmp\.pdb [0-9A-F]{32}-1: no layout is known of it; get that PDB .*vmmsched profile import ntkrnlmp\.pdb -o [0-9A-F]{32}-1\.json/,
        );
        return true;
      });
    });

  it("of a version that no layout is of: says which PDB is needed", async () => {
    const { domain } = constructWindows({ layout: ten, version: [10, 0, 26100] });
    await assert.rejects(
      identify(domain, shippedLayouts),
      /Windows 10\.0\.26100, ntkrnlmp\.pdb .*profile import/,
    );
  });

  it("of a dump without the kernel's image: by where its debugger data points", async () => {
    const { domain, exact, all, symbols } = constructWindows({ layout: ten });
    all.u16(base, 0);
    const debuggerData = base + symbols.KdDebuggerDataBlock;
    const dump = { ...domain, debuggerData: debuggerData as NonNullable<typeof domain.debuggerData> };
    const found = await identify(dump, asLayouts(exact));
    assert.equal(found?.standing, "exact");
    assert.deepEqual(found.pdb, exact.pdb);
    const moved = { ...exact, symbols: { ...exact.symbols, PspCidTable: 8 } };
    await assert.rejects(
      identify(dump, asLayouts({ ...moved, build: "10.0.22000.1" })),
      /no layout is known of it/,
    );
  });

  it("of a crash dump of all memory: as the driver of images opens it", async () => {
    using folder = new ImageFolder();
    const { ram, all, exact, symbols, kpcrs } = constructWindows({ layout: ten });
    const runs = ram.frames.map(([first, pages]) => ({ first, pages }));
    const block = BigInt.asUintN(64, BigInt(base + symbols.KdDebuggerDataBlock));
    const bytes = bitmapCrashDump(runs, { root: all.root, processors: 2, debuggerData: block });
    using hypervisor = new ImageHypervisor(folder.write("MEMORY.DMP", bytes));
    const domain = hypervisor.open(1);
    assert.deepEqual(
      domain.vcpus().map(({ gsBase }) => gsBase),
      kpcrs,
    );
    const found = await identify(domain, asLayouts(exact));
    assert.equal(found?.standing, "exact");
    assert.match(found.evidence[0]!, /interrupt handlers/);
    assert.ok(found.checks.every(({ verdict }) => verdict === "holds"));
  });

  it("of anything else is undefined: empty memory, noise, a page table without a kernel", async () => {
    const { domain, all, ram } = constructWindows({ layout: ten, debuggerData: "none" });
    all.u16(base, 0);
    assert.equal(await identify(domain, shippedLayouts), undefined);
    const vcpus = domain.vcpus().map((vcpu) => ({ ...vcpu, root: 0x77_7777 as Frame }));
    assert.equal(await identify({ ...domain, vcpus: () => vcpus }, shippedLayouts), undefined);
    let seed = 1;
    for (let frame = 0; frame < 64; frame++) {
      const page = ram.frame(frame);
      for (let at = 0; at < page.length; at += 4)
        page.writeUInt32LE((seed = (seed * 1103515245 + 12345) >>> 0), at);
    }
    const noise = domain.vcpus().map((vcpu, i) => ({ ...vcpu, root: (i + 7) as Frame }));
    assert.equal(await identify({ ...domain, vcpus: () => noise }, shippedLayouts), undefined);
  });
});

describe("identification of the simulated Windows", () => {
  const builds = [
    [6001, "candidate", "6.0"],
    [7601, "exact", "6.1.7601.17514"],
    [19041, "exact", "10.0.19041.804"],
  ] as const;
  for (const [windowsBuild, standing, version] of builds)
    it(`of build ${windowsBuild}: ${standing}, and all that can be asked holds`, async () => {
      const machine = simulatedMachine({
        kind: "hvm",
        os: "windows",
        windowsBuild,
        vcpuCount: 2,
      });
      machine.advance(1e9);
      const found = await identify(machine.domain, shippedLayouts);
      assert.deepEqual([found?.standing, found?.version, found?.readOnly], [standing, version, undefined]);
      assert.equal(found?.processors.length, 2);
      assert.ok(found.checks.every(({ verdict }) => verdict === "holds"));
    });
});

describeWithRealData("identification of a real Windows 10", "dumps/triage_x64.dmp", () => {
  const facts = JSON.parse(readFileSync(realData("dumps/triage_x64.facts.json"), "utf8")) as {
    build: string;
    pdb: string;
    kernel_base: string;
    eprocess: { va: string };
    prcbs: { va: string }[];
  };

  it("finds its build, its PDB, its base, the System process and all 16 processors", async () => {
    using hypervisor = new ImageHypervisor(realData("dumps/triage_x64.dmp"));
    const found = await identify(hypervisor.open(1), shippedLayouts);
    assert.ok(found !== undefined);
    assert.equal(found.standing, "exact");
    assert.ok(facts.build.startsWith(`${found.version} `));
    assert.equal(`${found.pdb?.name} ${found.pdb?.guid} age ${found.pdb?.age}`, facts.pdb);
    assert.equal(formatVa(found.base), facts.kernel_base);
    assert.equal(formatVa(found.system), facts.eprocess.va);
    assert.deepEqual(
      found.processors.map(formatVa),
      facts.prcbs.map(({ va }) => va),
    );
    const verdicts = (verdict: string) => found.checks.filter((check) => check.verdict === verdict);
    assert.deepEqual(verdicts("fails"), []);
    assert.equal(
      verdicts("holds").filter(({ claim }) => claim.includes("ready list for each bit")).length,
      16,
    );
    assert.equal(
      verdicts("holds").filter(({ claim }) => claim.startsWith("the debugger data block has")).length,
      16,
    );
    assert.ok(verdicts("holds").some(({ claim }) => claim.startsWith("processor 12 has its KPCR")));
  });

  it("by a layout of another build finds nothing", async () => {
    using hypervisor = new ImageHypervisor(realData("dumps/triage_x64.dmp"));
    const others = new Map([...shippedLayouts].filter(([, { build }]) => build !== "10.0.19041.804"));
    await assert.rejects(
      identify(hypervisor.open(1), others),
      /no layout is known of it.*ERR_GUEST_UNSUPPORTED/,
    );
  });
});

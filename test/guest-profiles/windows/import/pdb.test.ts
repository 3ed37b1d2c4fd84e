import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { isVmmschedError } from "../../../../core/errors.js";
import { importLayout } from "../../../../guest-profiles/windows/import/import-layout.js";
import { readPdb } from "../../../../guest-profiles/windows/import/pdb.js";
import { describeWith } from "../../../describe-with.js";
import { shippedLayout, tinyKernelFile } from "../shipped.js";
import { buildTinyKernel } from "../tiny-kernel/source.js";
import { exportsOf, rsdsOf } from "../tiny-kernel/image-file.js";

const build = "10.0.19041.804";
const { structures } = shippedLayout(build);
const pdb = tinyKernelFile("ntkrnlmp.pdb");

function missingLinker(): string | undefined {
  const found = ["clang", "lld-link"].every((program) => spawnSync(program, ["--version"]).status === 0);
  return found ? undefined : "no clang and lld: apt-get install clang lld";
}

/** A copy with other bytes from `at` on. */
function spoilt(at: number, ...bytes: number[]): Buffer {
  const copy = Buffer.from(pdb);
  copy.set(bytes, at);
  return copy;
}

describe("a PDB", () => {
  it("of a library with the structures of a kernel gives the layout of that kernel", () => {
    assert.deepEqual(importLayout(pdb, { build }).structures, structures);
  });

  it("gives every public symbol the address at which the image exports it", () => {
    const exported = exportsOf(tinyKernelFile("ntoskrnl.exe"));
    const { symbols } = importLayout(pdb);
    assert.ok(Object.keys(symbols).length > 20);
    for (const [name, address] of Object.entries(symbols)) assert.equal(address, exported.get(name), name);
  });

  it("has the GUID and the age that its image names", () => {
    assert.deepEqual(importLayout(pdb).pdb, rsdsOf(tinyKernelFile("ntoskrnl.exe")));
  });

  it("knows bit fields, structures within structures, and what is not there", () => {
    const source = readPdb(pdb, "a.pdb");
    assert.deepEqual(source.member("_KTHREAD", "SystemThread"), {
      offset: 0x74,
      bits: { bit: 10, length: 1 },
    });
    assert.deepEqual(source.member("_KTHREAD", "ApcState.Process"), { offset: 0xb8 });
    assert.equal(source.member("_KTHREAD", "ApcState.Process.Pcb"), undefined);
    assert.equal(source.member("_NOBODY", "Priority"), undefined);
    assert.equal(source.size("_NOBODY"), undefined);
    assert.equal(source.size("_TINY_UNUSED"), undefined);
  });

  const refused: readonly [what: string, file: Buffer, message: RegExp][] = [
    ["cut off", pdb.subarray(0, pdb.length / 2), /should have \d+ bytes and has \d+/],
    ["cut off in its superblock", pdb.subarray(0, 40), /no MSF 7.00 file/],
    ["with odd blocks", spoilt(32, 1, 2), /blocks of 513 bytes/],
    ["with a directory beyond all files", spoilt(44, 0xff, 0xff, 0xff, 0x7f), /directory should have/],
    ["with its directory's map behind its end", spoilt(52, 0xff, 0xff), /map lies behind its end/],
  ];
  for (const [what, file, message] of refused)
    it(`${what} is refused`, () => {
      assert.throws(
        () => importLayout(file),
        (error) => isVmmschedError(error, "ERR_SYMBOLS_INVALID") && message.test(error.message),
      );
    });

  it("that is damaged anywhere is refused, or read, and never more", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(pdb.length - 5), fc.integer({ min: 0, max: 0xffffffff })), {
          minLength: 1,
          maxLength: 40,
        }),
        (changes) => {
          const copy = Buffer.from(pdb);
          for (const [at, value] of changes) copy.writeUInt32LE(value, at);
          try {
            importLayout(copy);
          } catch (error) {
            assert.ok(isVmmschedError(error), String(error));
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  describeWith("made anew by clang and lld-link", missingLinker(), () => {
    it("gives the same layout, for every build that comes along", function () {
      this.timeout(120_000);
      const folder = mkdtempSync(join(tmpdir(), "vmmsched-pdb-"));
      try {
        for (const version of ["6.0.6001.18000", "6.1.7601.24540", build]) {
          const layout = shippedLayout(version);
          const made = buildTinyKernel(layout, folder);
          const imported = importLayout(made.pdb, { build: version });
          assert.deepEqual(imported.structures, layout.structures);
          assert.deepEqual(imported.pdb, rsdsOf(made.image));
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });
});

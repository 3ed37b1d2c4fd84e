import assert from "node:assert/strict";
import { readVmlinux } from "../../../native/image/index.js";
import { ImageFolder, sectionsFile } from "./image-bytes.js";

/** Two symbols: one in the image, one per CPU. */
function symbolTable(): { table: Buffer; names: Buffer } {
  const names = Buffer.from("\0_stext\0runqueues\0", "latin1");
  const table = Buffer.alloc(3 * 24);
  table.writeUInt32LE(1, 24);
  table.writeBigInt64LE(-0x7f000000n, 24 + 8);
  table.writeUInt32LE(8, 48);
  table.writeBigInt64LE(0x32000n, 48 + 8);
  return { table, names };
}

const kernel = new Map<string, Uint8Array>([
  [".rodata", Buffer.from("Linux version 6.1")],
  [".BTF", Buffer.from("types")],
  [".notes", Buffer.from("build id")],
]);

describe("a kernel's ELF file", () => {
  let folder: ImageFolder;
  beforeEach(() => (folder = new ImageFolder()));
  afterEach(() => {
    folder[Symbol.dispose]();
  });
  const read = (sections: ReadonlyMap<string, Uint8Array>) =>
    readVmlinux(folder.write("vmlinux", sectionsFile(sections, "program")));

  it("gives its symbols, types and notes", () => {
    const { table, names } = symbolTable();
    const found = read(new Map([...kernel, [".symtab", table], [".strtab", names]]));
    assert.deepEqual(
      found.symbols,
      new Map([
        ["_stext", -0x7f000000],
        ["runqueues", 0x32000],
      ]),
    );
    assert.equal(found.btf.toString(), "types");
    assert.equal(found.notes.toString(), "build id");
    assert.equal(found.readOnlyData.toString(), "Linux version 6.1");
  });

  it("that was stripped has no symbols, but all the rest", () => {
    assert.equal(read(kernel).symbols, undefined);
  });

  it("without types is refused", () => {
    const sections = new Map(kernel);
    sections.delete(".BTF");
    assert.throws(() => read(sections), /a kernel without a section \.BTF.*ERR_IMAGE_INVALID/);
    assert.throws(
      () => readVmlinux(folder.write("core", sectionsFile(kernel, "core"))),
      /type 4, not a program \(2\)/,
    );
  });
});

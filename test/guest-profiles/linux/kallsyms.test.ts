import assert from "node:assert/strict";
import { findSymbols } from "../../../guest-profiles/linux/kallsyms.js";
import { isVmmschedError } from "../../../core/errors.js";
import {
  kallsymsImage,
  type KallsymsOrder,
  type KernelSymbol,
} from "../../../native/simulated/linux/kallsyms-image.js";
import { Random } from "../../../native/simulated/linux/random.js";
import { kernelSymbols } from "../../../native/simulated/linux/symbols.js";

const text = -0x7f000000;
const { symbols } = kernelSymbols(text, new Random(1));
const wanted = ["_stext", "init_task", "x86_cpu_to_apicid", "wake_up_process", "no_such_symbol"];
const orders: readonly KallsymsOrder[] = ["offsets first", "names first"];

/** Read-only data with the tables somewhere in it, between bytes that mean nothing. */
function readOnlyData(
  all: readonly KernelSymbol[],
  order: KallsymsOrder,
): { bytes: Buffer; tables: ReadonlyMap<string, number> } {
  const random = new Random(7);
  const noise = () => Buffer.from(Uint32Array.from({ length: 4096 }, () => random.next() * 2 ** 32).buffer);
  const before = noise();
  const { bytes, tables } = kallsymsImage(all, text, order);
  return {
    bytes: Buffer.concat([before, bytes, noise()]),
    tables: new Map(Array.from(tables, ([name, at]) => [name, before.length + at])),
  };
}

const address = (name: string) => symbols.find((symbol) => symbol.name === name)?.value;

describe("kallsyms", () => {
  for (const order of orders) {
    describe(`with ${order}`, () => {
      const { bytes, tables } = readOnlyData(symbols, order);
      const at = (table: string) => tables.get(table) ?? Number.NaN;

      it("finds every wanted symbol that there is, and how far the next one is", async () => {
        const found = await findSymbols(bytes, wanted);
        for (const name of wanted.slice(0, 4)) assert.equal(found.symbols.get(name), address(name), name);
        assert.equal(found.symbols.has("no_such_symbol"), false);
        const next = Math.min(
          ...symbols.map(({ value }) => value).filter((value) => value > (address("x86_cpu_to_apicid") ?? 0)),
        );
        assert.equal(found.spacing.get("x86_cpu_to_apicid"), next - (address("x86_cpu_to_apicid") ?? 0));
      });

      const damage: readonly [what: string, change: (copy: Buffer) => unknown][] = [
        ["a name with no length", (copy) => copy.writeUInt8(0, at("kallsyms_names") + 0)],
        ["a marker that is off by one", (copy) => copy.writeUInt32LE(1, at("kallsyms_markers"))],
        [
          "a token index that does not match",
          (copy) => copy.writeUInt16LE(9, at("kallsyms_token_index") + 20),
        ],
        ["a count that is too low", (copy) => copy.writeUInt32LE(200, at("kallsyms_num_syms"))],
        ["a base outside of the kernel", (copy) => copy.writeUInt32LE(0, at("kallsyms_relative_base") + 4)],
        ["offsets that do not ascend", (copy) => copy.writeInt32LE(0x7fffffff, at("kallsyms_offsets"))],
      ];
      for (const [what, change] of damage) {
        it(`refuses ${what}, and never goes astray`, async () => {
          const copy = Buffer.from(bytes);
          change(copy);
          await assert.rejects(findSymbols(copy, wanted), (error) =>
            isVmmschedError(error, "ERR_GUEST_UNSUPPORTED"),
          );
        });
      }
    });
  }

  it("reads addresses that all count from relative_base: a kernel without absolute per-CPU symbols", async () => {
    const image = symbols.filter(({ value }) => value < 0);
    const { bytes, tables } = readOnlyData(image, "names first");
    const offsets = tables.get("kallsyms_offsets") ?? 0;
    for (let i = 0; i < image.length; i++)
      bytes.writeInt32LE(-1 - bytes.readInt32LE(offsets + 4 * i), offsets + 4 * i);
    const found = await findSymbols(bytes, wanted);
    assert.equal(found.symbols.get("_stext"), text);
    assert.equal(found.symbols.get("wake_up_process"), address("wake_up_process"));
  });

  it("refuses data without tables", async () => {
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.alloc(64),
      Buffer.from("0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00"),
    ])
      await assert.rejects(findSymbols(bytes, wanted), /ERR_GUEST_UNSUPPORTED/);
  });
});

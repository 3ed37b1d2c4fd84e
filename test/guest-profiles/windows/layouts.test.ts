import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { schemaCheck } from "../../../core/config/schema-check.js";
import { resolveLayout } from "../../../guest-profiles/windows/layout.js";
import { readInRepository } from "../../repository.js";
import { describeWithRealData, realData, shippedLayout, shippedLayouts } from "./shipped.js";

/** Builds, and the files of published types that lie beside the repository. */
const published: readonly (readonly [build: string, file: string])[] = [
  ["6.0.6001.18000", "vista_sp1_x64.json"],
  ["6.1.7601.17514", "win7_sp1_x64.json"],
  ["6.1.7601.24540", "win7_sp1_x64_24540.json"],
  ["6.3.9600.19913", "win81_x64.json"],
  ["10.0.19041.804", "win10_19041_x64.json"],
  ["10.0.22000.318", "win11_22000_x64.json"],
  ["10.0.22621.382", "win11_22621_x64.json"],
];

/** PDBs that the published types do not name, and the output of debuggers and of Volatility does. */
const namedElsewhere: Readonly<Record<string, string>> = {
  "6.1.7601.17514": "3844DBB920174967BE7AA4A2C20430FA",
};

interface PublishedMember {
  readonly offset: number;
  readonly type: string;
  readonly bits?: readonly [from: number, to: number];
}
interface Published {
  readonly build: string;
  readonly pdb?: { readonly GUID: string; readonly age: number };
  readonly structs: Record<string, { size: number; members: Record<string, PublishedMember> }>;
  readonly symbols_rva?: Record<string, number>;
}

describe("the layouts that come along", () => {
  const check = schemaCheck(
    JSON.parse(readInRepository("guest-profiles/windows/layout.schema.json")) as object,
  );

  it("are those of seven builds, each in a file of its name", () => {
    assert.deepEqual(
      [...shippedLayouts].map(([path, { build }]) => [path, build]).sort(),
      published.map(([build]) => [`layouts/${build}.json`, build]).sort(),
    );
  });

  for (const [path, layout] of shippedLayouts)
    it(`${path} follows the schema and has all that is needed`, () => {
      assert.deepEqual(check(layout), []);
      const { KTHREAD, EPROCESS } = resolveLayout(layout);
      assert.ok(KTHREAD.size > 0x300 && EPROCESS.size > KTHREAD.size);
    });

  it("give typed places, bit fields as a word and its mask", () => {
    const vista = resolveLayout(shippedLayout("6.0.6001.18000"));
    assert.equal(vista.KTHREAD.WaitListEntry, 0x98);
    assert.equal(vista.KTHREAD["ApcState.Process"], 0x68);
    assert.equal(vista.KPROCESS.State, 0x96);
    assert.equal(vista.KSHARED_READY_QUEUE.Lock, undefined);
    assert.deepEqual(vista.KTHREAD.bits.ProcessReadyQueue, { word: 0x90, mask: 4, shift: 2 });
    const ten = resolveLayout(shippedLayout("10.0.19041.804"));
    assert.equal(ten.KTHREAD.bits.ProcessReadyQueue, undefined);
    assert.deepEqual(ten.POOL_HEADER.bits.PoolType, { word: 0, mask: 0xff000000, shift: 24 });
    assert.equal(ten.KPROCESS.State, undefined);
    assert.equal(ten.symbols.PsActiveProcessHead, 12706304);
  });

  it("without the end of KPRCB serve for reading", () => {
    const { KPRCB, KPCR } = resolveLayout(shippedLayout("10.0.22621.382"));
    assert.equal(KPRCB.CurrentThread, 8);
    assert.equal(KPRCB.DispatcherReadyListHead, undefined);
    assert.equal(KPCR.Prcb, undefined);
  });

  for (const [build, file] of published)
    describeWithRealData(`agree with published types: ${build}`, file, () => {
      const text = JSON.parse(readFileSync(realData(file), "utf8")) as Published;
      const layout = shippedLayout(build);
      it("in every size, member and bit field", () => {
        assert.equal(text.build, build);
        let compared = 0;
        for (const [name, { size, members, bits = {} }] of Object.entries(layout.structures)) {
          const said = text.structs[name];
          assert.ok(said?.size === size, name);
          for (const [path, offset] of Object.entries(members)) {
            assert.equal(publishedOffset(text.structs, name, path), offset, `${name}.${path}`);
            compared++;
          }
          for (const [field, { at, bit, length }] of Object.entries(bits)) {
            const member: PublishedMember | undefined = said.members[field];
            assert.deepEqual([member?.offset, member?.bits], [at, [bit, bit + length]], `${name}.${field}`);
            compared++;
          }
        }
        assert.ok(compared > 150, String(compared));
      });

      it("in the PDB and every symbol", () => {
        assert.equal(layout.pdb?.guid, text.pdb?.GUID ?? namedElsewhere[build]);
        for (const [name, address] of Object.entries(layout.symbols)) {
          const other = text.symbols_rva?.[name];
          if (other !== undefined) assert.equal(address, other, name);
        }
      });
    });
});

function publishedOffset(structs: Published["structs"], structure: string, path: string): number | undefined {
  const [first = "", ...rest] = path.split(".");
  const member = structs[structure]?.members[first];
  if (member === undefined || rest.length === 0) return member?.offset;
  const inner = publishedOffset(structs, member.type.replace(/^struct /, ""), rest.join("."));
  return inner === undefined ? undefined : member.offset + inner;
}

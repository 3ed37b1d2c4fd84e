import assert from "node:assert/strict";
import { isVmmschedError } from "../../../../core/errors.js";
import { importLayout } from "../../../../guest-profiles/windows/import/import-layout.js";
import { readIsf } from "../../../../guest-profiles/windows/import/isf.js";
import { isfText } from "../isf-text.js";
import { shippedLayout, shippedLayouts } from "../shipped.js";

/** The ISF of the layout of 10.0.19041.804, with a change. */
function changed(change: (isf: Record<string, Record<string, unknown>>) => void): Buffer {
  const { pdb, ...rest } = shippedLayout("10.0.19041.804");
  const isf = JSON.parse(isfText({ ...rest, pdb: pdb! })) as Record<string, Record<string, unknown>>;
  change(isf);
  return Buffer.from(JSON.stringify(isf));
}

describe("an ISF", () => {
  for (const [path, layout] of shippedLayouts) {
    const { pdb, build } = layout;
    if (pdb !== undefined && build !== undefined)
      it(`of the GUID of ${path} gives that layout`, () => {
        assert.deepEqual(importLayout(Buffer.from(isfText({ ...layout, pdb })), { build }), layout);
      });
  }

  it("without the build gives a layout that names none", () => {
    const { build, ...rest } = importLayout(changed(() => undefined));
    assert.equal(build, undefined);
    assert.deepEqual({ ...rest, build: "10.0.19041.804" }, shippedLayout("10.0.19041.804"));
  });

  it("leads through structures that have no name", () => {
    const text = JSON.stringify({
      metadata: { format: "6.2.0", windows: { pdb: { GUID: "0".repeat(32), age: 2, database: "a.pdb" } } },
      user_types: {
        _OUTER: {
          size: 64,
          fields: {
            unnamed_field_8: { offset: 8, anonymous: true, type: { kind: "union", name: "u" } },
          },
        },
        u: { size: 16, fields: { Inner: { offset: 4, type: { kind: "base", name: "int" } } } },
      },
      symbols: {},
    });
    const source = readIsf(text);
    assert.deepEqual(source.member("_OUTER", "Inner"), { offset: 12 });
    assert.equal(source.member("_OUTER", "Absent"), undefined);
    assert.equal(source.member("_OUTER", "Inner.Deeper"), undefined);
    assert.equal(source.symbol("constructor"), undefined);
  });

  it("with a structure within itself ends", () => {
    const text = JSON.stringify({
      metadata: { format: "6.2.0", windows: { pdb: { GUID: "0".repeat(32), age: 2, database: "a.pdb" } } },
      user_types: {
        _OUTER: {
          size: 8,
          fields: { a: { offset: 0, anonymous: true, type: { kind: "struct", name: "_OUTER" } } },
        },
      },
    });
    assert.equal(readIsf(text).member("_OUTER", "Absent"), undefined);
  });

  const refused: readonly [what: string, file: Buffer, code: string, message: RegExp][] = [
    ["that is no JSON", Buffer.from("{ half"), "ERR_SYMBOLS_INVALID", /not a JSON object/],
    [
      "of another format",
      Buffer.from('{"metadata":{"format":"4.0"}}'),
      "ERR_SYMBOLS_INVALID",
      /format "4.0"; expected/,
    ],
    [
      "of Linux",
      Buffer.from('{"metadata":{"format":"6.2.0","linux":{}}}'),
      "ERR_SYMBOLS_INVALID",
      /names no PDB/,
    ],
    ["without types", changed((isf) => delete isf.user_types), "ERR_SYMBOLS_INVALID", /no user_types/],
    [
      "of something else than a kernel",
      changed((isf) => (isf.user_types = { _LIST_ENTRY: { size: 16, fields: {} } })),
      "ERR_LAYOUT_MEMBER_MISSING",
      /_DISPATCHER_HEADER, _POOL_HEADER/,
    ],
    [
      "of a kernel without a member that is needed",
      changed(
        (isf) => delete (isf.user_types?._KTHREAD as { fields: Record<string, unknown> }).fields.Priority,
      ),
      "ERR_LAYOUT_MEMBER_MISSING",
      /has no _KTHREAD\.Priority/,
    ],
  ];
  for (const [what, file, code, message] of refused)
    it(`${what} is refused`, () => {
      assert.throws(
        () => importLayout(file),
        (error) => isVmmschedError(error) && error.code === code && message.test(error.message),
      );
    });

  it("is told from other files by its beginning", () => {
    assert.throws(() => importLayout(Buffer.from("MZ\x01")), /begins with "MZ\." is neither a PDB/);
  });
});

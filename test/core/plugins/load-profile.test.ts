import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { isVmmschedError } from "../../../core/errors.js";
import { loadProfile } from "../../../core/plugins/load-profile.js";

describe("loadProfile", () => {
  const directory = mkdtempSync(join(tmpdir(), "vmmsched-profiles-"));
  let count = 0;

  /** Stages a module, as each version of a plugin is: in a file that was never imported before. */
  function staged(code: string): { readonly name: string; readonly entryUrl: string } {
    const file = join(directory, `profile-${String(count++)}.mjs`);
    writeFileSync(file, code);
    return { name: "sample", entryUrl: pathToFileURL(file).href };
  }

  after(() => rmSync(directory, { recursive: true }));

  it("gives the default export, bound to itself", async () => {
    const code = `export default { found: 42, attach() { return Promise.resolve(this.found); } };`;
    const profile = await loadProfile(staged(code));
    const { attach } = profile as unknown as Readonly<Record<"attach", () => Promise<unknown>>>;
    assert.equal(await attach(), 42);
  });

  const faults: readonly [what: string, code: string, says: RegExp][] = [
    ["throws an error", `throw new RangeError("too far");`, /too far/],
    ["throws undefined", `throw undefined;`, /undefined/],
    ["throws what cannot be shown", `throw Object.create(null);`, /cannot be shown/],
    ["rejects at its top level", `await Promise.reject(new Error("too late"));`, /too late/],
    ["has a syntax error", `export default {`, /Unexpected end of input/],
    ["imports what is not there", `import "./missing.mjs";`, /missing\.mjs/],
    ["has no default export", `export const attach = () => undefined;`, /no function attach/],
    ["exports null", `export default null;`, /no function attach/],
    ["exports no function attach", `export default { attach: true };`, /no function attach/],
    ["exports a trap", `export default { get attach() { throw new Error("trapped"); } };`, /trapped/],
    ["pretends to be a promise", `export function then(resolve) { resolve(undefined); }`, /undefined/],
    ["pretends to be a promise that fails", `export function then(_, reject) { reject(null); }`, /null/],
    ["never settles", `await new Promise(() => undefined);`, /not done after 5 s/],
  ];
  for (const [what, code, says] of faults) {
    it(`refuses a module that ${what}`, async () => {
      await assert.rejects(loadProfile(staged(code)), (error: unknown) => {
        assert.ok(isVmmschedError(error, "ERR_PLUGIN_INVALID"), String(error));
        assert.match(error.message, /^guest profile sample could not be loaded from file:/);
        assert.match(error.message, says);
        return true;
      });
    });
  }

  it("refuses an entry that is no module", async () => {
    const load = loadProfile({ name: "sample", entryUrl: "not a url" });
    await assert.rejects(load, (error) => isVmmschedError(error, "ERR_PLUGIN_INVALID"));
  });
});

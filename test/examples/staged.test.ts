import { transformSync } from "@swc/wasm-typescript";
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { isVmmschedError } from "../../core/errors.js";
import { loadProfile } from "../../core/plugins/load-profile.js";
import { createSimulatedHost, SimulatedHypervisor } from "../../native/simulated/index.js";
import { inRepository, readInRepository } from "../repository.js";
import { toyFolder, toyLayouts } from "./toy.js";

describe("the example of a guest profile", () => {
  it("runs with its types stripped, from wherever it was staged, on the core that is running", async () => {
    const directory = mkdtempSync(join(tmpdir(), "vmmsched-staged-"));
    try {
      mkdirSync(join(directory, "node_modules"));
      symlinkSync(inRepository(""), join(directory, "node_modules", "vmmsched"));
      writeFileSync(join(directory, "package.json"), '{"type":"module"}');
      for (const name of readdirSync(inRepository(toyFolder)).filter((file) => file.endsWith(".ts"))) {
        const { code } = transformSync(readInRepository(`${toyFolder}/${name}`), { mode: "strip-only" });
        writeFileSync(join(directory, name.replace(/\.ts$/, ".js")), code);
      }
      const entryUrl = pathToFileURL(join(directory, "index.js")).href;
      const profile = await loadProfile({ name: "toy", entryUrl });
      const host = createSimulatedHost({ domains: [{ name: "toy", kind: "pvh", os: "toy" }] });
      using domain = new SimulatedHypervisor(host).open(host.idOf("toy"));
      await assert.rejects(profile.attach(domain, { protect: [] }, toyLayouts()), (error) =>
        isVmmschedError(error, "ERR_GUEST_NOT_READY"),
      );
      host.advance(1e9);
      using kernel = await profile.attach(domain, { protect: [] }, toyLayouts());
      assert.deepEqual([kernel?.description.os, kernel?.description.version], ["toy", "2"]);
      await assert.rejects(profile.attach(domain, { protect: [] }, new Map()), (error) =>
        isVmmschedError(error, "ERR_GUEST_UNSUPPORTED"),
      );
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

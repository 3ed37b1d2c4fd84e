import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findMachines } from "../../../native/qemu/machine-sockets.js";

describe("where machines are found", () => {
  it("is the configuration, then each NAME.qmp of the directory with its NAME.qtest", () => {
    const directory = mkdtempSync(join(tmpdir(), "vmmsched-sockets-"));
    try {
      for (const name of [
        "web.qmp",
        "db.qmp",
        "db.qtest",
        "db.guardian",
        "named.qmp",
        "other.sock",
        "lone.qtest",
      ])
        writeFileSync(join(directory, name), "");
      const named = { name: "shop", qmp: join(directory, "named.qmp") };
      assert.deepEqual(findMachines({ directory, machines: [named] }), [
        { ...named, fallbackName: "named" },
        {
          ...{ qmp: join(directory, "db.qmp"), fallbackName: "db" },
          ...{ qtest: join(directory, "db.qtest"), guardian: join(directory, "db.guardian") },
        },
        { qmp: join(directory, "web.qmp"), fallbackName: "web" },
      ]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it("is nowhere when there is no directory", () =>
    assert.deepEqual(findMachines({ directory: "/nowhere", machines: [] }), []));
});

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { HostReport } from "../../../core/cli/host-report.js";
import { createSimulatedHost } from "../../../native/simulated/index.js";
import { ImageFolder } from "../../native/image/image-bytes.js";
import { inRepository } from "../../repository.js";
import { sparseImage } from "./look.js";

const run = promisify(execFile);

async function ps(...options: readonly string[]): Promise<HostReport> {
  const { stdout } = await run(process.execPath, [
    inRepository("dist/core/main.js"),
    "ps",
    "--json",
    ...options,
  ]);
  return JSON.parse(stdout) as HostReport;
}

describe("vmmsched ps, of Windows", () => {
  it("lists the processes of running domains of three builds, beside Linux", async () => {
    using folder = new ImageFolder();
    const config = join(folder.path, "host.yaml");
    writeFileSync(
      config,
      "driver: simulated\nsimulatedDomains: [batch, windows-vista, windows-7, windows-10]\n",
    );
    const { domains } = await ps("-c", config);
    assert.deepEqual(
      domains.map(({ os, managed }) => [os, managed]),
      [
        ["linux", true],
        ["windows", true],
        ["windows", true],
        ["windows", true],
      ],
    );
    assert.deepEqual(
      domains.slice(1).map(({ version }) => version),
      ["6.0", "6.1.7601.17514", "10.0.19041.804"],
    );
    for (const { processes } of domains.slice(1)) {
      assert.deepEqual(
        processes.map(({ name, kernel, hidden }) => [name, kernel, hidden]),
        [
          ["System", true, false],
          ...["smss", "csrss", "wininit", "services", "lsass", "svchost", "setup", "service", "indexer"].map(
            (name) => [`${name}.exe`, false, false],
          ),
        ],
      );
      const [system, ...others] = processes;
      assert.equal(system?.parentPid, undefined);
      assert.ok(others.every(({ parentPid }) => parentPid === 4));
      assert.equal(others.find(({ name }) => name === "setup.exe")?.state, "exited");
      const indexer = others.find(({ name }) => name === "indexer.exe");
      assert.ok(indexer !== undefined && indexer.cpuTimeNs > 0.2e9, "indexer.exe computes");
      assert.deepEqual([indexer.threads[0]?.priority, indexer.threads[0]?.scheduling], [8, "other"]);
    }
  });

  it("lists the processes in an image of RAM", async () => {
    const host = createSimulatedHost({
      domains: [{ name: "guest", kind: "hvm", os: "windows", windowsBuild: 19041 }],
    });
    host.advance(1e9);
    const guest = host.windows("guest");
    guest.hide(guest.processes().find(({ name }) => name === "lsass.exe")!.pid);
    using folder = new ImageFolder();
    const { domains } = await ps("--image", sparseImage(folder, "guest.raw", guest.ram.bytes));
    const [domain] = domains;
    assert.deepEqual([domain?.os, domain?.version], ["windows", "10.0.19041.804"]);
    assert.deepEqual(
      domain?.processes.filter(({ hidden }) => hidden).map(({ name, threads }) => [name, threads.length]),
      [["lsass.exe", 2]],
    );
  });
});

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { physicalCpuCount } from "../../../native/xen/physical-cpus.js";

describe("the physical CPUs of a Xen host", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "vmmsched-"));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  function cpu(name: string, online?: string): void {
    mkdirSync(join(directory, name));
    if (online !== undefined) writeFileSync(join(directory, name, "online"), online);
  }

  it("are those that are online, of which the first does not say so", () => {
    cpu("xen_cpu0");
    for (const [number, online] of ["1\n", "0\n", "1\n"].entries())
      cpu(`xen_cpu${String(number + 1)}`, online);
    cpu("power");
    assert.equal(physicalCpuCount(directory), 3);
  });
  it("are not known where the kernel shows none", () => {
    assert.equal(physicalCpuCount(directory), undefined);
    assert.equal(physicalCpuCount(join(directory, "xen_cpu")), undefined);
  });
});

import assert from "node:assert/strict";
import type { DomainProfile, ProfileReport } from "../../../core/cli/profile-report.js";
import { schemaCheck } from "../../../core/config/schema-check.js";
import { readInRepository } from "../../repository.js";
import { FixedObserver, runWith } from "./command-line.js";

const web: DomainProfile = {
  id: 1,
  uuid: "0a000000-0000-4000-8000-000000000001",
  name: "web\u0007",
  kind: "pvh",
  managed: true,
  profile: "linux",
  os: "linux",
  version: "6.1.0-44-amd64",
  buildId: "00ff",
  boot: "0xffffffffbb800000 0xffff888000100000 4000000",
  evidence: ["found by hand", "4-level"],
  capabilities: {
    hold: { can: true, how: "a trap" },
    release: { can: false, why: "no way back" },
    priority: { can: false, why: "not yet" },
  },
  paging: "4-level, page table in frame 0x1c20a",
  symbols: [{ name: "_stext", found: "0xffffffffbb800000", certainty: "confirmed", because: "seen" }],
  members: [{ name: "task_struct.pid", found: "12 (pid)", certainty: "read", because: "BTF" }],
};
const bsd: DomainProfile = {
  id: 2,
  uuid: "0a000000-0000-4000-8000-000000000002",
  name: "bsd",
  kind: "hvm",
  managed: false,
  reason: "no guest profile recognises its operating system",
};
const report: ProfileReport = { schema: 1, domains: [web, bsd] };

async function show(...args: string[]) {
  const observer = new FixedObserver([{ schema: 1, takenAt: { begin: 0, end: 0 }, domains: [] }], report);
  const ran = await runWith({ observe: () => Promise.resolve(observer) }, "profile", "show", ...args);
  assert.equal(observer.disposals, 1);
  return ran;
}

describe("vmmsched profile show", () => {
  it("prints what was found, one by one, and why a domain is unmanaged", async () => {
    const { exitCode, stdout } = await show();
    assert.equal(exitCode, 0);
    assert.equal(
      stdout,
      [
        "web\\x07 (domain 1, pvh)",
        "  runs:      linux 6.1.0-44-amd64",
        "  profile:   linux",
        "  build id:  00ff",
        "  evidence:  found by hand",
        "  evidence:  4-level",
        "  paging:    4-level, page table in frame 0x1c20a",
        "  hold:      yes, by a trap",
        "  release:   no: no way back",
        "  priority:  no: not yet",
        "",
        "SYMBOL  FOUND               CERTAINTY  BECAUSE",
        "_stext  0xffffffffbb800000  confirmed  seen",
        "",
        "MEMBER           FOUND     CERTAINTY  BECAUSE",
        "task_struct.pid  12 (pid)  read       BTF",
        "",
        "bsd (domain 2, hvm) is unmanaged: no guest profile recognises its operating system",
        "",
      ].join("\n"),
    );
  });

  it("prints JSON that follows docs/profile.schema.json", async () => {
    const { stdout } = await show("--json");
    const printed: unknown = JSON.parse(stdout);
    assert.deepEqual(printed, report);
    const check = schemaCheck(JSON.parse(readInRepository("docs/profile.schema.json")) as object);
    assert.deepEqual(check(printed), []);
    assert.equal(check({ ...report, extra: 1 }).length, 1);
  });

  it("shows only the domains that are named", async () => {
    assert.deepEqual((JSON.parse((await show("--json", "bsd")).stdout) as ProfileReport).domains, [bsd]);
    const { exitCode, stderr } = await show("nobody");
    assert.equal(exitCode, 1);
    assert.match(stderr, /there is no domain nobody/);
  });
});

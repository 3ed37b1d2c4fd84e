import assert from "node:assert/strict";
import { chmodSync } from "node:fs";
import { describe, it } from "mocha";
import { until } from "./socket/control-place.js";
import { RunningPlane } from "./running-plane.js";

const policy = "export default { decide: () => [] };\n";
const options = { type: "object", properties: { level: { type: "integer", default: 1 } } };
/** A policy that can be run at level 1 only. */
const choosy = `export default {
  init({ level }) { if (level > 1) throw new Error("too high"); },
  decide: () => [],
};
`;

describe("the control plane", function () {
  this.timeout(30_000);

  it("tells of files that were refused as the last reload, until the next one", async () => {
    await using plane = new RunningPlane();
    plane.workshop.policy("plugins/p", {}, { "index.js": policy });
    await plane.open("[{ name: p }]");
    assert.equal((await plane.operators.show("p")).lastReload?.result, "live");

    plane.workshop.policy("plugins/p", { version: "1.0.1" }, { "index.js": "const = 1;\n" });
    await plane.logs("plugin-refused");
    const refused = await plane.operators.show("p");
    assert.equal(refused.state, "active");
    assert.equal(refused.lastReload?.result, "refused");
    assert.equal(refused.lastReload.reason, refused.problem);
    assert.match(refused.problem ?? "", /index\.js:1:7/);

    plane.workshop.policy("plugins/p", { version: "1.0.2" }, { "index.js": policy });
    await plane.logs("policy-live", ({ version }) => version === "1.0.2");
    const mended = await plane.operators.show("p");
    assert.deepEqual([mended.lastReload?.result, mended.problem], ["live", undefined]);
  });

  it("does not start with a plugin or a plugin directory that others may change", async () => {
    for (const path of ["plugins", "plugins/p", "plugins/p/index.js"]) {
      await using plane = new RunningPlane();
      plane.workshop.policy("plugins/p", {}, { "index.js": policy });
      chmodSync(plane.workshop.at(path), 0o777);
      // Also where the configuration does not name it.
      await assert.rejects(plane.open("[]"), { code: "ERR_UNSAFE_PERMISSIONS", message: /mode 0777/ });
    }
  });

  it("goes on with the version of a plugin before others could change it", async () => {
    await using plane = new RunningPlane();
    plane.workshop.policy("plugins/p", {}, { "index.js": policy });
    await plane.open("[{ name: p }]");
    chmodSync(plane.workshop.at("plugins/p"), 0o777);
    plane.workshop.policy("plugins/p", { version: "1.0.1" }, { "index.js": policy });
    const { error } = await plane.logs("plugin-refused");
    assert.match(String(error), /plugins\/p: its group and everybody may write[^]*mend: chmod go-w/);
    const shown = await plane.operators.show("p");
    assert.deepEqual([shown.state, shown.version], ["active", "1.0.0"]);
    chmodSync(plane.workshop.at("plugins/p"), 0o755);
    await plane.logs("policy-live", ({ version }) => version === "1.0.1");
  });

  it("reports the options that a policy goes on with, not those that it refused", async () => {
    await using plane = new RunningPlane();
    plane.workshop.policy("plugins/p", { options }, { "index.js": choosy });
    await plane.open("[{ name: p }]");
    plane.configure("[{ name: p, options: { level: 2 } }]");
    await plane.logs("policy-refused");
    const report = await plane.operators.show("p");
    assert.deepEqual(report.options, { level: 1 });
    assert.match(report.problem ?? "", /too high/);
  });

  it("logs why a guest profile cannot be imported", async () => {
    await using plane = new RunningPlane();
    const kind = "guest-profile";
    const sound = "export default { attach: () => Promise.resolve(undefined) };\n";
    plane.workshop.policy("plugins/os", { kind }, { "index.js": sound });
    await plane.open("[]");
    plane.workshop.policy(
      "plugins/os",
      { kind },
      { "index.js": `throw new Error("no such thing");\n${sound}` },
    );
    const { plugin, error } = await plane.logs("plugin-refused");
    assert.equal(plugin, "os");
    assert.match(String(error), /no such thing/);
    assert.match((await plane.operators.show("os")).problem ?? "", /no such thing/);
  });

  it("goes on with the version before of a guest profile that loops when it is imported, and takes the next one", async () => {
    await using plane = new RunningPlane();
    const kind = "guest-profile";
    const sound = "export default { attach: () => Promise.resolve(undefined) };\n";
    plane.workshop.policy("plugins/os", { kind }, { "index.js": sound });
    await plane.open("[]");
    plane.workshop.policy("plugins/os", { kind, version: "2.0.0" }, { "index.js": `for (;;);\n${sound}` });
    const { error } = await plane.logs("plugin-refused");
    assert.match(String(error), /did not come to an end within 5 s/);
    assert.deepEqual(plane.profiles, ["os 1.0.0"]);
    plane.workshop.policy("plugins/os", { kind, version: "3.0.0" }, { "index.js": sound });
    await until(() => plane.profiles.includes("os 3.0.0"));
    assert.equal((await plane.operators.show("os")).problem, undefined);
  });

  it("starts without a guest profile that loops when it is imported", async () => {
    await using plane = new RunningPlane();
    plane.workshop.policy(
      "plugins/os",
      { kind: "guest-profile" },
      { "index.js": "for (;;);\nexport default 1;" },
    );
    await plane.open("[]");
    assert.deepEqual(plane.profiles, []);
    const report = await plane.operators.show("os");
    assert.equal(report.state, "refused");
    assert.match(report.reason ?? "", /did not come to an end/);
  });

  it("trusts a guest profile that comes along as it trusts itself: it is not tried first", async () => {
    await using plane = new RunningPlane();
    const kind = "guest-profile";
    // What a thread that tries profiles forbids, and what harms nobody.
    const telling =
      "process.chdir(process.cwd());\nexport default { attach: () => Promise.resolve(undefined) };\n";
    plane.workshop.policy("bundled/ours", { kind, name: "ours" }, { "index.js": telling });
    plane.workshop.policy("plugins/theirs", { kind, name: "theirs" }, { "index.js": telling });
    await plane.open("[]");
    assert.deepEqual(plane.profiles, ["ours 1.0.0"]);
    assert.match(
      (await plane.operators.show("theirs")).reason ?? "",
      /process\.chdir\(\) is not for guest profiles/,
    );
  });

  it("stages nothing that is used no more, also after the last change", async () => {
    await using plane = new RunningPlane();
    plane.workshop.policy("plugins/p", {}, { "index.js": policy });
    plane.workshop.policy("plugins/q", {}, { "index.js": policy });
    await plane.open("[{ name: p }]");
    plane.workshop.write("plugins/p", { "index.js": `${policy}// new` });
    await until(() => plane.logged.filter(({ event }) => event === "policy-live").length === 2);
    await until(() => plane.staged.length === 2);
    assert.deepEqual(plane.staged.map((name) => name.charAt(0)).sort(), ["p", "q"]);
  });
});

import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { deviceModelFiles, hvmConfiguration, wrapDeviceModel } from "./device-model.js";
import { sharedClock } from "./guest-configurations.js";
import { complaintsSince, kernelMessages } from "../health.js";
import { XenLab } from "./lab.js";
import { gainIn, secondsUntilGain } from "../observe.js";
import { installTurns, turnsConfig } from "./turns-policy.js";
import { Vmmsched } from "./vmmsched.js";

const name = "hvm1";
const reportMs = 250;
const bootTimeoutMs = 600_000;
const psTimeoutMs = 600_000;

describe("an HVM guest on real Xen, with a device model", () => {
  let lab: XenLab;
  before(async () => {
    lab = await XenLab.restore({ name: "hvm", files: deviceModelFiles });
    await lab.dom0.run(wrapDeviceModel);
    const configuration = hvmConfiguration(name, 2, sharedClock);
    await lab.dom0.run(`cat > /tmp/${name}.cfg <<'EOC'\n${configuration}\nEOC`);
    const log = `tail -n 20 /var/log/xen/qemu-dm-${name}.log >&2; exit 1`;
    await lab.dom0.run(`xl create /tmp/${name}.cfg || { ${log}; }`, { timeoutMs: bootTimeoutMs });
    await lab.guest(name).waitFor(/^READY/, bootTimeoutMs);
    await lab.guest(name).ask("start work burn", /^STARTED work /);
    await installTurns(lab);
  });
  after(async () => {
    await lab.close();
  });

  it("is listed as hvm, with its processes", async () => {
    const { stdout } = await lab.dom0.run(`node /opt/vmmsched/dist/core/main.js ps --json ${name}`, {
      timeoutMs: psTimeoutMs,
    });
    const { domains } = JSON.parse(stdout) as {
      readonly domains: readonly {
        readonly kind: string;
        readonly managed: boolean;
        readonly processes: readonly { readonly name: string }[];
      }[];
    };
    assert.deepEqual(
      domains.map(({ kind, managed }) => ({ kind, managed })),
      [{ kind: "hvm", managed: true }],
    );
    const names = domains[0]?.processes.map((process) => process.name) ?? [];
    for (const wanted of ["init", "kthreadd", "work"]) assert.ok(names.includes(wanted), names.join(" "));
  });

  it("has its burner held, and released", async () => {
    const before = await kernelMessages(lab, name);
    const vmmsched = await Vmmsched.start(lab, turnsConfig([name], { process: "work", turns: [] }), [name]);
    await vmmsched.waitForLog(
      (lines) => lines.some(({ event, outcome }) => event === "hold" && outcome === "committed"),
      120_000,
    );
    await lab.guest(name).send(`report ${String(reportMs)}`);
    const gained = await gainIn(lab, name, "work", 2);
    assert.ok(gained <= 1, `gained ${String(gained)} ticks although it is held`);
    assert.equal(await vmmsched.stop(), 0);
    const seconds = await secondsUntilGain(lab, name, ["work"], 10);
    await lab.guest(name).send("report 0");
    process.stdout.write(`      ${name}: runs again within ${seconds.toFixed(2)} s\n`);
    assert.deepEqual(complaintsSince(before, await kernelMessages(lab, name)), []);
  });
});

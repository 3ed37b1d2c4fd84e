import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { assertHealthy, readHealth, type Health } from "../health.js";
import { XenLab } from "./lab.js";
import { secondsUntilGain, ticksOf, waitForTicks } from "../observe.js";
import { sleepMs, type LogLine } from "../vmmsched-log.js";
import { Vmmsched } from "./vmmsched.js";

const guests = ["pv1", "pv2", "pvh1"] as const;
const edits = Number(process.env.VMMSCHED_LAB_EDITS ?? 50);
const intervalMs = 500;
const recordSeconds = 20;
/** Each edit starts a thread and loads a policy in it, which an emulated processor takes seconds for. */
const editTimeoutMs = 120_000;
/** The one emulated CPU of Dom0 stands still now and then, and every command of ours takes it for seconds. */
const missedShare = 0.05;
const plugins = "/tmp/plugins";
const plugin = `${plugins}/idle-only`;
const command = "node /opt/vmmsched/dist/core/main.js";

/** The copy of an operator, which takes the place of the bundled policy. */
const config = (busyTicks: number) => `
intervalMs: ${String(intervalMs)}
policyDeadlineMs: 200
pluginDirectories: [${plugins}]
policies:
  - name: idle-only
    options:
      background: [{ domain: pv1, process: bg }]
      domainCpuPercent: 40
      busyTicks: ${String(busyTicks)}
`;

/** An edit in Dom0, and the event that tells what became of it. */
interface Edit {
  readonly what: string;
  readonly script: (turn: number) => string;
  readonly event: string;
  readonly mend?: string;
}

const version = (turn: number) => `1.0.${String(turn)}`;
const bump = (turn: number) =>
  `sed -i 's/"version": "[^"]*"/"version": "${version(turn)}"/' ${plugin}/plugin.json`;
const restored = `cp /opt/vmmsched/dist/plugins/idle-only/*.js ${plugin}/`;

const kinds: readonly Edit[] = [
  { what: "a new version", script: bump, event: "policy-live" },
  {
    what: "code that cannot be parsed",
    script: () => `printf '\\nconst half =\\n' >> ${plugin}/index.js`,
    event: "plugin-refused",
    mend: restored,
  },
  {
    what: "code that throws when it is loaded",
    script: () => `printf '\\nthrow new Error("no");\\n' >> ${plugin}/index.js`,
    event: "policy-refused",
    mend: restored,
  },
  {
    what: "other options",
    script: (turn) => `cat > /tmp/vmmsched.yaml <<'EOC'\n${config(1 + (turn % 2))}\nEOC`,
    event: "policy-live",
  },
  {
    what: "a manifest with a misspelt key",
    script: () => `sed -i 's/"entry"/"entri"/' ${plugin}/plugin.json`,
    event: "plugin-refused",
    mend: `sed -i 's/"entri"/"entry"/' ${plugin}/plugin.json`,
  },
  {
    what: "options that it does not take",
    script: () => "sed -i 's/busyTicks/busyTick/' /tmp/vmmsched.yaml",
    event: "config-refused",
    mend: "sed -i 's/busyTick:/busyTicks:/' /tmp/vmmsched.yaml",
  },
  {
    what: "a version written beside and renamed into place",
    script: (turn) =>
      `cp ${plugin}/plugin.json /tmp/new.json; sed -i 's/"version": "[^"]*"/"version": "${version(turn)}"/' /tmp/new.json; mv /tmp/new.json ${plugin}/plugin.json`,
    event: "policy-live",
  },
];

const count = (lines: readonly LogLine[], event: string) =>
  lines.filter((line) => line.event === event).length;

describe(`${String(edits)} edits of a policy while it holds on real Xen`, () => {
  let lab: XenLab;
  let health: ReadonlyMap<string, Health>;
  let vmmsched: Vmmsched;
  before(async () => {
    lab = await XenLab.restore({ name: "reload" });
    health = await readHealth(lab, guests);
    await lab.guest("pv1").ask("start bg burn", /^STARTED bg /);
    await lab.guest("pv1").send("report 500");
    await lab.guest("pv2").ask("start alt alternate 3000 3000", /^STARTED alt /);
    await lab.dom0.run(
      `mkdir -p ${plugins}; cp -r /opt/vmmsched/dist/plugins/idle-only ${plugin}; ${bump(0)}`,
    );
    vmmsched = await Vmmsched.start(lab, config(1), guests);
  });
  after(async () => {
    await lab.close();
  });

  async function ticks(): Promise<{ readonly ticks: number; readonly missedTicks: number }> {
    const status = `${command} status --json -c /tmp/vmmsched.yaml`;
    const { stdout } = await lab.dom0.run(status, { timeoutMs: 60_000 });
    return JSON.parse(stdout) as { readonly ticks: number; readonly missedTicks: number };
  }

  it("is recorded, and replayed gives the same wishes in every tick", async () => {
    const record = `${command} record /tmp/host.vmmrec --seconds ${String(recordSeconds)} -c /tmp/vmmsched.yaml`;
    const recorded = await lab.dom0.run(record, { timeoutMs: 240_000 });
    process.stdout.write(`      ${recorded.stdout}`);
    const { stdout, code } = await lab.dom0.run(`${command} replay /tmp/host.vmmrec --policy ${plugin}`, {
      timeoutMs: 240_000,
      mayFail: true,
    });
    const verdict = stdout.trim().split("\n").slice(-4);
    process.stdout.write(verdict.map((line) => `      ${line}\n`).join(""));
    assert.equal(code, 0, stdout);
    assert.match(stdout, /bg \(\d+\) +[1-9]/, "nothing was held while it was recorded");
  }).timeout(600_000);

  it("goes on holding, whatever is edited", async () => {
    await lab.guest("pv2").send("stop alt");
    await lab.guest("pv2").ask("start load burn", /^STARTED load /);
    await vmmsched.waitForLog((lines) => count(lines, "hold") > count(lines, "release"), editTimeoutMs);
    await sleepMs(3000);
    const { latest: from } = await waitForTicks(lab, "pv1", () => true, 10);
    const ticksBefore = await ticks();
    for (let turn = 1; turn <= edits; turn++) {
      const edit = kinds[turn % kinds.length]!;
      const before = count(await vmmsched.logLines(), edit.event);
      await lab.dom0.run(edit.script(turn));
      await vmmsched.waitForLog((lines) => count(lines, edit.event) > before, editTimeoutMs);
      if (edit.mend !== undefined) await lab.dom0.run(edit.mend);
    }
    const ticksAfter = await ticks();
    const { latest: to } = await waitForTicks(lab, "pv1", () => true, 10);
    const gained = ticksOf(to, "bg") - ticksOf(from, "bg");
    const missed = ticksAfter.missedTicks - ticksBefore.missedTicks;
    const made = ticksAfter.ticks - ticksBefore.ticks;
    process.stdout.write(
      `      pv1's burner gained ${String(gained)} ticks in ${(to.realtime - from.realtime).toFixed(0)} s; ` +
        `the scheduler made ${String(made)} ticks and missed ${String(missed)}\n`,
    );
    assert.ok(gained <= 2, `pv1's burner gained ${String(gained)} ticks while it was held`);
    assert.ok(missed <= made * missedShare, `${String(missed)} of ${String(made)} ticks were missed`);
  }).timeout(edits * editTimeoutMs + 120_000);

  it("stops, and lets the burner run", async () => {
    const log = await vmmsched.logLines();
    assert.equal(await vmmsched.stop(), 0);
    const stopped = (await vmmsched.logLines()).findLast(({ event }) => event === "stopped");
    const took = log.filter(({ event }) => event === "policy-live").map(({ tookMs }) => Number(tookMs));
    process.stdout.write(
      `      versions live after ${took.map((ms) => (ms / 1000).toFixed(1)).join(" ")} s (emulated)\n`,
    );
    assert.equal(stopped?.left, 0);
    assert.ok((await secondsUntilGain(lab, "pv1", ["bg"], 5)) < 5);
    assert.equal(count(log, "policy-failed"), 0);
  });

  it("leaves the guests healthy, with their clocks right", async () => {
    await lab.guest("pv2").send("stop load");
    await lab.guest("pv1").send("stop bg");
    await assertHealthy(lab, health);
  });
});

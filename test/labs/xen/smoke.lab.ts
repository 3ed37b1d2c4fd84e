import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { XenLab } from "./lab.js";
import { parsePhase, parseProcessListings, parseTick, type Workload } from "../parse.js";

const guests = ["pv1", "pv2", "pvh1"] as const;

describe("the Xen lab", () => {
  let lab: XenLab;
  before(async () => {
    lab = await XenLab.restore({ name: "smoke" });
  });
  after(async () => {
    await lab.close();
  });

  /** The state column of `xl list`, for instance "-b----". */
  async function stateOf(name: string): Promise<string> {
    const { stdout } = await lab.dom0.run("xl list");
    const line = stdout.split("\n").find((text) => text.startsWith(`${name} `));
    assert.ok(line !== undefined, `xl list has no ${name}:\n${stdout}`);
    return line.trim().split(/\s+/)[4] ?? "";
  }

  async function nextTick(name: string, workload: string): Promise<Workload> {
    const guest = lab.guest(name);
    const line = await guest.waitFor(new RegExp(`^TICK.* ${workload}:.*`), 30_000, await guest.end());
    const found = parseTick(line[0])?.workloads.find((each) => each.name === workload);
    assert.ok(found !== undefined, line[0]);
    return found;
  }

  for (const name of guests)
    it(`${name} answers on its console`, async () => {
      const [, text] = await lab.guest(name).ask("echo are you there", /^ECHO (.*) rt=[\d.]+$/);
      assert.equal(text, "are you there");
    });

  for (const name of guests)
    it(`${name}'s clock agrees with Dom0's`, async () => {
      const { stdout } = await lab.dom0.run(`guest-clock ${name}`);
      const difference = Number(/by (-?[\d.]+) ms/.exec(stdout)?.[1]);
      assert.ok(Math.abs(difference) < 25, stdout);
    });

  it("runs commands side by side and keeps their output apart", async () => {
    const runs = ["sleep 2; echo slow; exit 3", "echo fast; echo trouble >&2"];
    const [slow, fast] = await Promise.all(runs.map((command) => lab.dom0.run(command, { mayFail: true })));
    assert.deepEqual(slow, { code: 3, stdout: "slow\n", stderr: "" });
    assert.deepEqual(fast, { code: 0, stdout: "fast\n", stderr: "trouble\n" });
  });

  it("kills a command that takes too long", async () => {
    await assert.rejects(
      lab.dom0.run("sleep 1000 & wait", { timeoutMs: 1_000 }),
      /did not end within 1000 ms/,
    );
    const { stdout } = await lab.dom0.run("sleep 0.5; ps");
    assert.doesNotMatch(stdout, /sleep 1000$/m);
  });

  it("sees a burner's time grow, and stand still while the guest is paused", async () => {
    const guest = lab.guest("pv1");
    await guest.send("start bg burn");
    await guest.send("report 500");
    const first = await nextTick("pv1", "bg");
    const second = await nextTick("pv1", "bg");
    assert.ok(second.utime > first.utime, `${first.utime} -> ${second.utime}`);

    await lab.dom0.run("xl pause pv1");
    assert.match(await stateOf("pv1"), /p/);
    const paused = await guest.end();
    await lab.dom0.run("sleep 2");
    assert.equal(await guest.end(), paused);
    await lab.dom0.run("xl unpause pv1");
    assert.doesNotMatch(await stateOf("pv1"), /p/);
    await nextTick("pv1", "bg");
    await guest.ask("stop bg", /^STOPPED bg /);
    await guest.send("report 0");
  });

  it("reports each thread of a workload on two vCPUs", async () => {
    const guest = lab.guest("pvh1");
    await guest.send("start crew threads 2");
    await guest.send("report 500");
    await nextTick("pvh1", "crew-1");
    // Every thread counts in the whole process, so a later look at the process can't show less.
    const thread = await nextTick("pvh1", "crew-0");
    assert.ok((await nextTick("pvh1", "crew")).utime >= thread.utime);
    await guest.send("report 0");
    await guest.send("stop crew");
  });

  it("tells phases and process listings", async () => {
    const guest = lab.guest("pv2");
    const since = await guest.end();
    for (const kind of ["alternate 300 300", "forker 5", "syscalls", "pingpong", "sleepy 20"])
      await guest.send(`start ${kind.split(" ")[0]} ${kind}`);
    await guest.send("proclist 1000");
    await guest.waitFor(/^PHASE alternate idle/, 30_000, since);
    await guest.waitFor(/^PROC end/, 30_000, await guest.end());
    const { lines } = await guest.lines(since);
    assert.ok(lines.some((line) => parsePhase(line)?.busy === true));
    const comms = parseProcessListings(lines)
      .at(-1)
      ?.processes.map((process) => process.comm);
    for (const name of ["init", "kthreadd", "alternate", "forker", "syscalls", "pingpong", "sleepy"])
      assert.ok(comms?.includes(name), `${name} is not in ${String(comms)}`);
    for (const command of [
      "proclist 0",
      "stop alternate",
      "stop forker",
      "stop syscalls",
      "stop pingpong",
      "stop sleepy",
    ])
      await guest.send(command);
    await guest.ask("dmesg", /^KMSG end$/);
  });

  it("has node, and koffi reaches libxenctrl", async () => {
    const script =
      'const x = require("koffi").load("libxenctrl.so.4.17");' +
      'console.log(x.func("void *xc_interface_open(void *, void *, unsigned int)")(null, null, 0) !== null)';
    const { stdout } = await lab.dom0.run(`cd /opt/vmmsched && node -e '${script}'`);
    assert.equal(stdout.trim(), "true");
  });

  it("creates further guests, also one that is not Linux", async () => {
    for (const name of ["odd1", "pv3", "pvh2"])
      await lab.dom0.run(`xl create /opt/lab/${name}.cfg`, { timeoutMs: 180_000 });
    for (const name of ["pv3", "pvh2"]) await lab.guest(name).waitFor(/^READY/, 180_000);
    assert.match(await stateOf("odd1"), /^(-b|r-)----$/);
    for (const name of ["odd1", "pv3", "pvh2"]) await lab.dom0.run(`xl destroy ${name}`);
  });
});

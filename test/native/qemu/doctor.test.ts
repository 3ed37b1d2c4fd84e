import assert from "node:assert/strict";
import { qemuDoctor } from "../../../native/qemu/index.js";
import { ScriptedMachine } from "./scripted-machine.js";

describe("the doctor for QEMU", () => {
  const checked = (machine: ScriptedMachine) =>
    new Map(qemuDoctor({ directory: machine.folder, machines: [] }).map((check) => [check.name, check]));

  it("finds nothing missing, and stops nothing", async () => {
    await using machine = await ScriptedMachine.start();
    const checks = checked(machine);
    assert.deepEqual(
      [...checks.keys()],
      ["QMP socket", "registers", "RAM", "guardian", "interrupts", "cgroup", "disks"].map(
        (one) => `vm: ${one}`,
      ),
    );
    assert.deepEqual(
      [...checks.values()].filter(({ ok }) => !ok).map(({ name, found }) => [name, found]),
      [],
    );
    assert.deepEqual(
      (await machine.account()).received.filter((command) => command === "stop"),
      [],
    );
  });

  it("tells of disks, and of the limit that they have", async () => {
    await using machine = await ScriptedMachine.start();
    assert.match(checked(machine).get("vm: disks")?.found ?? "", /^no disk/);
    await machine.plug({ qdev: "vda", throttle: { bps: 1e6 } });
    assert.equal(checked(machine).get("vm: disks")?.found, "I/O limit 1000000 B/s");
  });

  it("names the options for RAM that is private", async () => {
    await using machine = await ScriptedMachine.start("private");
    const ram = checked(machine).get("vm: RAM");
    assert.equal(ram?.ok, false);
    assert.match(ram.found, /ram0, 16 MiB, is private to QEMU/);
    assert.match(ram.mend ?? "", /share=on/);
  });

  it("names the option for interrupts", async () => {
    await using machine = await ScriptedMachine.start();
    await machine.behave("endianness", { raw: "FAIL" });
    const interrupts = checked(machine).get("vm: interrupts");
    assert.equal(interrupts?.ok, false);
    assert.match(interrupts.mend ?? "", /-qtest unix:PATH/);
  });

  it("says who is in the way when the socket is taken", async () => {
    await using machine = await ScriptedMachine.start();
    await machine.tell({ what: "greet" });
    const [socket] = checked(machine).values();
    assert.equal(socket?.ok, false);
    assert.match(socket.found, /another client/);
  });

  it("says where it looked when there is no machine", () => {
    const [check] = qemuDoctor({ directory: "/nowhere", machines: [] });
    assert.equal(check?.ok, false);
    assert.match(check.found, /\/nowhere/);
  });

  it("goes on when a machine is not there", () => {
    const checks = qemuDoctor({
      directory: "/nowhere",
      machines: [{ name: "web", qmp: "/nowhere/web.qmp" }],
    });
    assert.deepEqual(
      checks.map(({ name, ok }) => [name, ok]),
      [["web: QMP socket", false]],
    );
  });
});

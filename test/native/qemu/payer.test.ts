import assert from "node:assert/strict";
import { VmmschedError } from "../../../core/errors.js";
import { openQemu } from "../../../native/qemu/index.js";
import { QemuPayer } from "../../../native/qemu/payer.js";
import { ScriptedMachine } from "./scripted-machine.js";

/** The name of its domain, as a scheduler that knows these sockets would write it down. */
function nameOf(machine: ScriptedMachine, guardian?: string): string {
  const sockets = { qmp: machine.qmp, ...(guardian === undefined ? {} : { guardian }) };
  using hypervisor = openQemu({ directory: "/nowhere", machines: [sockets] });
  const [info] = hypervisor.domains();
  assert.ok(info !== undefined);
  const { guardianName } = hypervisor.open(info.id);
  assert.ok(guardianName !== undefined);
  return guardianName;
}

describe("the guardian's way to QEMU machines", () => {
  const payer = new QemuPayer();

  it("resumes over the second socket what stands still, and leaves alone what runs", async () => {
    await using machine = await ScriptedMachine.start();
    const name = nameOf(machine, machine.second);
    await machine.emit("STOP");
    await machine.since();
    for (const paused of [true, false]) {
      const reached = payer.reach(name, false);
      assert.ok(reached !== undefined && reached !== "gone");
      using domain = reached;
      assert.equal(domain.paused(), paused);
      domain.unpause();
    }
    const { running, received } = await machine.account();
    assert.deepEqual([running, received.filter((command) => command === "cont").length], [true, 1]);
  });

  it("does not start what has ended", async () => {
    await using machine = await ScriptedMachine.start();
    await machine.behave("query-status", { return: { status: "shutdown", running: false } });
    const reached = payer.reach(nameOf(machine, machine.second), true);
    assert.ok(reached !== undefined && reached !== "gone");
    using domain = reached;
    domain.unpause();
    assert.ok(!(await machine.account()).received.includes("cont"));
  });

  it("uses the only socket when the scheduler is dead, and not before", async () => {
    await using machine = await ScriptedMachine.start();
    const name = nameOf(machine);
    assert.equal(payer.reach(name, false), undefined);
    const reached = payer.reach(name, true);
    assert.ok(reached !== undefined && reached !== "gone");
    using domain = reached;
    assert.equal(domain.paused(), false);
  });

  it("waits for no greeting for long", async () => {
    await using machine = await ScriptedMachine.start();
    const name = nameOf(machine);
    await machine.tell({ what: "greet" });
    assert.equal(payer.reach(name, true), undefined);
  });

  it("knows that a process has ended, and that nobody listens", async () => {
    const machine = await ScriptedMachine.start();
    const [name, elsewhere] = [nameOf(machine), nameOf(machine, "/nowhere/second")];
    assert.throws(() => payer.reach(elsewhere, false), VmmschedError);
    await machine[Symbol.asyncDispose]();
    assert.equal(payer.reach(name, true), "gone");
  });
});

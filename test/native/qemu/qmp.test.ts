import assert from "node:assert/strict";
import { join } from "node:path";
import { isVmmschedError, type ErrorCode } from "../../../core/errors.js";
import { Qmp } from "../../../native/qemu/qmp.js";
import { Qtest } from "../../../native/qemu/qtest.js";
import { ScriptedMachine } from "./scripted-machine.js";

const patienceMs = 10_000;
const coded = (code: ErrorCode, words: RegExp) => (error: unknown) =>
  isVmmschedError(error, code) && words.test(error.message);

describe("a QMP connection", () => {
  let machine: ScriptedMachine;
  beforeEach(async () => {
    machine = await ScriptedMachine.start();
  });
  afterEach(async () => {
    await machine[Symbol.asyncDispose]();
  });

  function connected(): Qmp {
    const qmp = Qmp.connect(machine.qmp);
    assert.equal(qmp.greeted(patienceMs), true);
    return qmp;
  }

  it("is told of capabilities once, and answers", async () => {
    using qmp = connected();
    assert.equal(qmp.greeted(0), true);
    assert.deepEqual(qmp.execute("query-name"), { name: "scripted" });
    assert.deepEqual((await machine.account()).received, ["qmp_capabilities", "query-name"]);
  });

  it("keeps events that come before an answer, in order", async () => {
    using qmp = connected();
    await machine.behave("query-name", { events: ["STOP", "RESET"] });
    await machine.emit("POWERDOWN", { a: 1 });
    assert.deepEqual(qmp.execute("query-name"), { name: "scripted" });
    const names = [qmp.nextEvent(), qmp.nextEvent(), qmp.nextEvent(), qmp.nextEvent()];
    assert.deepEqual(
      names.map((event) => event?.name),
      ["POWERDOWN", "STOP", "RESET", undefined],
    );
    assert.deepEqual(names[0]?.data, { a: 1 });
  });

  it("puts lines together from pieces", async () => {
    using qmp = connected();
    await machine.tell({ what: "split", text: '{"event": "GUEST_PAN' });
    assert.equal(qmp.nextEvent(), undefined);
    await machine.tell({ what: "split", text: 'ICKED", "data": {"x": "grün"}}\r\n' });
    assert.deepEqual(qmp.nextEvent(), { name: "GUEST_PANICKED", data: { x: "grün" } });
  });

  it("sends two commands at once and tells their answers apart", () => {
    using qmp = connected();
    const [status] = qmp.executeBoth("query-status", "stop");
    assert.deepEqual(status, { status: "running", running: true });
    assert.equal(qmp.nextEvent()?.name, "STOP");
  });

  it("says what QEMU said when it refuses, and goes on", async () => {
    await machine.behave("stop", { error: "not in this state" });
    using qmp = connected();
    assert.throws(() => qmp.execute("stop"), coded("ERR_HYPERVISOR_CALL", /not in this state/));
    assert.deepEqual(qmp.execute("query-name"), { name: "scripted" });
    assert.equal(qmp.lost, undefined);
  });

  it("is lost when no answer comes in time", async () => {
    await machine.behave("stop", { silent: true });
    using qmp = connected();
    assert.throws(() => qmp.execute("stop", undefined, 50), coded("ERR_HYPERVISOR_CALL", /within 50 ms/));
    assert.match(qmp.lost ?? "", /no answer to stop/);
  });

  for (const raw of ["HTTP/1.1 400 Bad Request", "[1, 2]", "null", '{"return": {}, "id": ', "\u0000\u0001"])
    it(`is lost when ${JSON.stringify(raw)} comes`, async () => {
      await machine.behave("stop", { raw });
      using qmp = connected();
      assert.throws(() => qmp.execute("stop"), coded("ERR_HYPERVISOR_CALL", /not QMP/));
      assert.notEqual(qmp.lost, undefined);
    });

  it("passes over an answer that nobody asked for", async () => {
    using qmp = connected();
    await machine.tell({ what: "split", text: '{"return": {"name": "another"}, "id": 77}\r\n' });
    assert.deepEqual(qmp.execute("query-name"), { name: "scripted" });
  });

  it("is gone when QEMU closes it", async () => {
    await machine.behave("stop", { close: true });
    using qmp = connected();
    assert.throws(() => qmp.execute("stop"), coded("ERR_DOMAIN_GONE", /is lost/));
    assert.throws(() => qmp.execute("cont"), coded("ERR_DOMAIN_GONE", /is lost/));
    assert.equal(qmp.nextEvent(), undefined);
  });

  it("is gone when QEMU is killed", async () => {
    using qmp = connected();
    await machine.kill();
    assert.equal(qmp.nextEvent(), undefined);
    assert.notEqual(qmp.lost, undefined);
  });

  it("is not greeted while another has the socket", async () => {
    await machine.tell({ what: "greet" });
    using qmp = Qmp.connect(machine.qmp);
    assert.equal(qmp.greeted(50), false);
  });

  it("is refused by what greets otherwise", async () => {
    await machine.tell({ what: "greet", greeting: "220 mail.example.org ESMTP" });
    using qmp = Qmp.connect(machine.qmp);
    assert.throws(() => qmp.greeted(patienceMs), coded("ERR_HYPERVISOR_CALL", /greeting/));
  });

  it("cannot be made where nobody listens", () => {
    assert.throws(
      () => Qmp.connect(join(machine.folder, "none")),
      coded("ERR_HYPERVISOR_UNAVAILABLE", /ENOENT/),
    );
    assert.throws(() => Qmp.connect(`/${"x".repeat(108)}`), coded("ERR_HYPERVISOR_UNAVAILABLE", /108/));
  });
});

/** Why no qtest connection can be made. */
function refusal(path: string): string {
  const qtest = Qtest.tryOpen(path, "vm");
  return typeof qtest === "string" ? qtest : "it can";
}

describe("a qtest connection", () => {
  let machine: ScriptedMachine;
  beforeEach(async () => {
    machine = await ScriptedMachine.start();
  });
  afterEach(async () => {
    await machine[Symbol.asyncDispose]();
  });

  it("stores a message where the local APIC of that id takes it", async () => {
    using qtest = Qtest.open(machine.qtest, "vm");
    qtest.injectMsi(0, 0xfb);
    qtest.injectMsi(255, 0x20);
    assert.deepEqual((await machine.account()).received, [
      "endianness",
      "writel 0xfee00000 0xfb",
      "writel 0xfeeff000 0x20",
    ]);
  });

  for (const id of [256, -1, 1.5, Number.NaN])
    it(`refuses APIC id ${String(id)}, and stores nothing`, async () => {
      using qtest = Qtest.open(machine.qtest, "vm");
      assert.throws(() => qtest.injectMsi(id, 0xfb), coded("ERR_HYPERVISOR_CALL", /not in 0 to 255/));
      assert.deepEqual((await machine.account()).received, ["endianness"]);
    });

  it("says so when QEMU says FAIL or nothing, and tries anew", async () => {
    await machine.behave("writel", { raw: "FAIL Unknown command" });
    using qtest = Qtest.open(machine.qtest, "vm");
    assert.throws(() => qtest.injectMsi(0, 1), coded("ERR_HYPERVISOR_CALL", /FAIL/));
    await machine.behave("writel", { silent: true });
    assert.throws(() => qtest.injectMsi(0, 1), coded("ERR_HYPERVISOR_CALL", /no answer/));
    await machine.behave("writel", {});
    qtest.injectMsi(0, 2);
    assert.equal((await machine.account()).received.at(-1), "writel 0xfee00000 0x2");
  });

  it("cannot be opened where something else answers", async () => {
    await machine.behave("endianness", { raw: "OK big" });
    assert.match(refusal(machine.qtest), /OK big/);
    assert.match(refusal(join(machine.folder, "none")), /ENOENT/);
  });
});

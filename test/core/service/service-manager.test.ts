import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as koffi from "koffi";
import type { LogFields, Log } from "../../../core/log.js";
import { NotifySocket, socketAddress } from "../../../core/service/notify-socket.js";
import { serviceManager, ToldManager, watchdogNs } from "../../../core/service/service-manager.js";
import { inRepository } from "../../repository.js";
import { until } from "../control/socket/control-place.js";

const libc = koffi.load("libc.so.6");
const socket = libc.func("int socket(int, int, int)") as (...of: number[]) => number;
const bind = libc.func("int bind(int, const void *, unsigned int)") as (
  fd: number,
  at: Uint8Array,
  bytes: number,
) => number;
const recv = libc.func("long recv(int, _Out_ void *, size_t, int)") as (
  fd: number,
  into: Uint8Array,
  bytes: number,
  flags: number,
) => number;
const close = libc.func("int close(int)") as (fd: number) => number;
const dontWait = 0x40;

/** What a service manager has: a socket that it reads messages from. */
class Manager implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "vmmsched-notify-"));
  readonly #fd = socket(1, 2, 0);

  constructor(readonly path: string = join(this.#folder, "notify")) {
    const address = socketAddress(path);
    assert.equal(bind(this.#fd, address, address.length), 0);
  }

  /** All messages that have come. */
  read(): readonly string[] {
    const bytes = new Uint8Array(4096);
    const told: string[] = [];
    for (;;) {
      const length = recv(this.#fd, bytes, bytes.length, dontWait);
      if (length < 0) return told;
      told.push(Buffer.from(bytes.subarray(0, length)).toString());
    }
  }

  [Symbol.dispose](): void {
    close(this.#fd);
    rmSync(this.#folder, { recursive: true });
  }
}

const abstractName = () => `@vmmsched-test-${String(process.pid)}-${String(Math.random())}`;

describe("a service manager", function () {
  this.timeout(60_000);

  for (const [kind, make] of [
    ["path", () => new Manager()],
    ["abstract name", () => new Manager(abstractName())],
  ] as const) {
    it(`gets messages at a socket with a ${kind}, one a datagram`, () => {
      using manager = make();
      using notify = new NotifySocket(manager.path);
      assert.ok(notify.send("READY=1"));
      assert.ok(notify.send("STATUS=größe"));
      assert.deepEqual(manager.read(), ["READY=1", "STATUS=größe"]);
    });
  }

  it("that has gone or does not read keeps nobody waiting", () => {
    using manager = new Manager();
    using notify = new NotifySocket(manager.path);
    let sent = 0;
    while (sent < 100_000 && notify.send("WATCHDOG=1")) sent++;
    assert.ok(sent > 0 && sent < 100_000);
    assert.equal(manager.read().length, sent);
    assert.ok(notify.send("WATCHDOG=1"));
    rmSync(manager.path);
    assert.equal(notify.send("WATCHDOG=1"), false);
  });

  for (const path of ["relative", "vsock:2:1234", `/${"x".repeat(108)}`]) {
    it(`is told of, and not needed, where its socket is ${path.slice(0, 20)}`, async () => {
      const told: LogFields[] = [];
      const write = (fields: LogFields) => void told.push(fields);
      const log: Log = { trace: write, debug: write, info: write, warn: write, error: write };
      using manager = await serviceManager({ NOTIFY_SOCKET: path }, 1, log);
      manager.ready();
      assert.deepEqual(told, [{ event: "service-manager-unreachable" }]);
    });
  }

  it("wants signs from the process that it watches", () => {
    assert.equal(watchdogNs({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "7" }, 7), 30e9);
    assert.equal(watchdogNs({ WATCHDOG_USEC: "30000000" }, 7), 30e9);
    assert.equal(watchdogNs({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "8" }, 7), undefined);
    assert.equal(watchdogNs({}, 7), undefined);
    assert.equal(watchdogNs({ WATCHDOG_USEC: "soon" }, 7), undefined);
  });

  it("gets a sign for ticks only, in time and not for each; one that was not taken again", () => {
    const told: string[] = [];
    let full = false;
    const messages = {
      send: (message: string) => {
        if (!full) told.push(message);
        return !full;
      },
      [Symbol.dispose]() {},
    };
    const manager = new ToldManager(messages, 4e9);
    const signs = () => told.filter((message) => message === "WATCHDOG=1").length;
    for (let tick = 0; tick < 10; tick++) manager.ticked(tick * 0.1e9, () => "fine");
    assert.equal(signs(), 1);
    full = true;
    manager.ticked(1e9, () => "fine");
    full = false;
    manager.ticked(1.1e9, () => "fine");
    assert.equal(signs(), 2);
    assert.equal(told.filter((message) => message === "STATUS=fine").length, 1);
  });

  it("is told by a scheduler that it is ready, that it ticks, and that it stops", async () => {
    using manager = new Manager(abstractName());
    const folder = mkdtempSync(join(tmpdir(), "vmmsched-service-"));
    const file = join(folder, "vmmsched.yaml");
    writeFileSync(file, "driver: simulated\nruntimeDirectory: run\nstateDirectory: state\n");
    const env = { ...process.env, NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: "400000" };
    const child = spawn(process.execPath, [inRepository("dist/core/main.js"), "run", "-c", file], {
      env,
      stdio: ["ignore", "ignore", "inherit"],
    });
    const ended = once(child, "exit");
    try {
      const told: string[] = [];
      const signs = () => {
        told.push(...manager.read());
        return told.filter((message) => message === "WATCHDOG=1").length;
      };
      await until(() => signs() >= 3);
      assert.ok(told.includes("READY=1\nSTATUS=scheduling"));
      assert.ok(told.some((message) => /^STATUS=\d+ ticks, \d+ threads held$/.test(message)));
      assert.ok(!told.some((message) => message.startsWith("STOPPING=1")));
      child.kill("SIGTERM");
      assert.deepEqual(await ended, [0, null]);
      signs();
      assert.ok(told.some((message) => message.startsWith("STOPPING=1\n")));
    } finally {
      child.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true });
    }
  });

  it("finds what it needs in the unit that comes along", () => {
    const unit = readFileSync(inRepository("docs/systemd/vmmsched.service"), "utf8");
    for (const line of ["Type=notify", "WatchdogSec=30", "RuntimeDirectoryPreserve=yes"])
      assert.ok(unit.split("\n").includes(line), line);
    // V8 makes code while it runs; the hypervisors are reached through devices; shares are written to cgroups.
    for (const fatal of ["MemoryDenyWriteExecute", "PrivateDevices", "ProtectControlGroups", "PrivateUsers"])
      assert.ok(!unit.includes(`${fatal}=`), fatal);
    const options = [...unit.matchAll(/^([A-Z]\w+)=/gm)].map(([, name = ""]) => name);
    const documented = readFileSync(inRepository("docs/operating.md"), "utf8");
    for (const option of options.slice(options.indexOf("CapabilityBoundingSet"), options.indexOf("WantedBy")))
      assert.ok(documented.includes(`\`${option}`), option);
  });
});

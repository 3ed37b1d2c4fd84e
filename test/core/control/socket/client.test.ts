import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { promisify } from "node:util";
import { connectControl } from "../../../../core/control/socket/client.js";
import { ControlPlace } from "./control-place.js";

const root = process.geteuid?.() === 0;
const nobody = 65_534;

describe("a control client", () => {
  let place: ControlPlace;
  beforeEach(() => {
    place = new ControlPlace();
  });
  afterEach(() => {
    place[Symbol.dispose]();
  });

  /** Something else at the socket: it answers the first bytes with `answer`, and ends the connection. */
  const answering = async (answer: string | Buffer) => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => socket.end(answer));
    });
    place.keep({ [Symbol.dispose]: () => void server.close() });
    await new Promise<void>((resolve) => server.listen(place.socket, resolve));
  };

  it("says what to do when there is no socket", async () => {
    await assert.rejects(connectControl(place.socket), {
      code: "ERR_CONTROL_UNREACHABLE",
      message:
        `there is no control socket at ${place.socket}. Is \`vmmsched run\` running? If it is, its socket is in the ` +
        "runtimeDirectory of its configuration (name that with -c), or name it with --socket. [ERR_CONTROL_UNREACHABLE]",
    });
  });

  it("says that nobody listens", async () => {
    writeFileSync(place.socket, "");
    await assert.rejects(connectControl(place.socket), {
      code: "ERR_CONTROL_UNREACHABLE",
      message: /^nobody listens at .*: the scheduler that made it has died\. Start `vmmsched run` again; /,
    });
  });

  it("says that a path is too long", async () => {
    await assert.rejects(connectControl(`/run/${"x".repeat(110)}`), {
      code: "ERR_CONTROL_UNREACHABLE",
      message: /^the path of the control socket is 115 bytes long, 107 is the most/,
    });
  });

  it("says that the socket is for another user", async function () {
    if (!root) this.skip();
    await place.serve({ who: () => "me" });
    // Loaded as root: the modules may lie where only root may read.
    const script = `
      const { connectControl } = await import(${JSON.stringify(import.meta.resolve("../../../../core/control/socket/client.js"))});
      process.setgroups([]); process.setgid(${nobody}); process.setuid(${nobody});
      await connectControl(${JSON.stringify(place.socket)}).then(() => console.log("connected"), (e) => console.log(e.message));
      process.exit();`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
    assert.equal(
      stdout,
      `you may not use ${place.socket}: run this as root, or as the user who runs \`vmmsched run\`. [ERR_CONTROL_UNREACHABLE]\n`,
    );
  });

  const answers: readonly (readonly [what: string, answer: string | Buffer, code: string, said: RegExp])[] = [
    [
      "another version",
      '{"v":2,"id":1,"ok":null}\n',
      "ERR_CONTROL_PROTOCOL",
      /^the answer is of version 2 of the control protocol, and this vmmsched speaks version 1: use the vmmsched that /,
    ],
    ["no JSON", "SSH-2.0-OpenSSH_9.2\n", "ERR_CONTROL_PROTOCOL", /^the answer is not JSON on one line: /],
    ["half an answer", '{"v":1,"id":1,', "ERR_CONTROL_UNREACHABLE", /is over: the scheduler closed it/],
    ["nothing", "", "ERR_CONTROL_UNREACHABLE", /is over: the scheduler closed it/],
    [
      "a line without end",
      Buffer.alloc(17 * 1024 * 1024, " "),
      "ERR_CONTROL_PROTOCOL",
      /^a line is longer than 16777216 bytes/,
    ],
    [
      "an error of a later version",
      '{"v":1,"id":1,"error":{"code":"ERR_TOMORROW","message":"not yet"}}\n',
      "ERR_CONTROL_CALL",
      /^not yet \[ERR_TOMORROW\] \[ERR_CONTROL_CALL\]$/,
    ],
    [
      "an error with details",
      '{"v":1,"id":1,"error":{"code":"ERR_PLUGIN_INVALID","message":"bad","details":{"plugin":"x"}}}\n',
      "ERR_PLUGIN_INVALID",
      /^bad \[ERR_PLUGIN_INVALID\]$/,
    ],
  ];
  for (const [what, answer, code, said] of answers) {
    it(`makes an error of ${what}`, async () => {
      await answering(answer);
      using client = await connectControl(place.socket);
      await assert.rejects(client.call("plugins.list"), { code, message: said });
    });
  }

  it("takes no further calls when it is disposed", async () => {
    await place.serve({ never: () => new Promise(() => undefined) });
    const client = await connectControl(place.socket);
    const call = assert.rejects(client.call("never"), { code: "ERR_CONTROL_UNREACHABLE" });
    client[Symbol.dispose]();
    await call;
    await assert.rejects(client.call("never"), { code: "ERR_CONTROL_UNREACHABLE" });
  });

  it("gives each of several calls its own answer", async () => {
    await place.serve({ echo: (args: object) => args });
    using client = await connectControl(place.socket);
    const calls = Array.from({ length: 100 }, (_, n) => client.call("echo", { n }));
    assert.deepEqual(
      await Promise.all(calls),
      calls.map((_, n) => ({ n })),
    );
  });
});

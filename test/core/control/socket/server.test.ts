import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { PassThrough, Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { connectControl } from "../../../../core/control/socket/client.js";
import { longestRequestBytes } from "../../../../core/control/socket/protocol.js";
import { mostConnections } from "../../../../core/control/socket/server.js";
import { VmmschedError } from "../../../../core/errors.js";
import { ControlPlace, gate, openSockets, until, type RawClient } from "./control-place.js";

const echo = { echo: (args: object) => args };
const request = (id: number, call: string, args: object = {}) =>
  `${JSON.stringify({ v: 1, id, call, args })}\n`;

describe("the control server", () => {
  let place: ControlPlace;
  beforeEach(() => {
    place = new ControlPlace();
  });
  afterEach(() => {
    place[Symbol.dispose]();
  });

  it("answers calls, in their order, with what they return or throw", async () => {
    const slow = gate();
    await place.serve({
      ...echo,
      slow: () => slow.opened.then(() => "done"),
      nothing: () => undefined,
      refuse: () => {
        throw new VmmschedError("ERR_PLUGIN_UNKNOWN", "no such plugin", { name: "x", other: undefined });
      },
      defect: () => Promise.reject(new TypeError("x is not a function")),
      unsendable: () => 1n,
    });
    const client = await place.raw();
    const calls = ["slow", "echo", "nothing", "refuse", "defect", "unsendable", "ehco"];
    client.socket.write(calls.map((call, index) => request(index, call, { n: index })).join(""));
    slow.open();
    const error = (code: string, message: string, more: object = {}) => ({
      error: { code, message, ...more },
    });
    assert.deepEqual(
      await client.answered(calls.length),
      [
        { ok: "done" },
        { ok: { n: 1 } },
        { ok: null },
        error("ERR_PLUGIN_UNKNOWN", "no such plugin", { details: { name: "x" } }),
        error("ERR_CONTROL_CALL", "x is not a function"),
        error("ERR_CONTROL_CALL", "Do not know how to serialize a BigInt"),
        error(
          "ERR_CONTROL_PROTOCOL",
          'there is no call "ehco"; did you mean "echo"?; allowed: echo, slow, nothing, refuse, defect, unsendable',
        ),
      ].map((answer, id) => ({ v: 1, id, ...answer })),
    );
  });

  it("takes requests that come in any pieces", async () => {
    await place.serve(echo);
    const client = await place.raw();
    const text = request(1, "echo", { name: "größe" }) + request(2, "echo");
    for (const byte of Buffer.from(text)) {
      client.socket.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    const answers = [
      { v: 1, id: 1, ok: { name: "größe" } },
      { v: 1, id: 2, ok: {} },
    ];
    assert.deepEqual(await client.answered(2), answers);
  });

  it("answers a client that has ended its side, and ends the connection", async () => {
    await place.serve({ slow: () => new Promise((resolve) => setTimeout(resolve, 20, "late")) });
    const client = await place.raw();
    client.socket.end(request(7, "slow"));
    await until(() => client.ended);
    assert.deepEqual(client.answers, [{ v: 1, id: 7, ok: "late" }]);
  });

  const garbage: readonly (readonly [what: string, sent: string | Buffer, said: RegExp])[] = [
    ["what is not JSON", "GET / HTTP/1.1\r\n\r\n", /^the request is not JSON on one line: /],
    ["an empty line", "\n", /^the request is not JSON on one line: /],
    ["bytes that are no text", Buffer.from([0xff, 0xfe, 0x00, 0x0a]), /^the request is not JSON/],
    ["JSON that is no object", "[1]\n", /^the request is not valid: \/: found \[1\]/],
    ["null", "null\n", /^the request is not valid: /],
    ["a request without a version", '{"id":1,"call":"echo"}\n', /missing key "v"/],
    ["a misspelt key", '{"v":1,"id":1,"cal":"echo"}\n', /unknown key "cal"; did you mean "call"\?/],
    [
      "another version",
      '{"v":2,"verb":"echo"}\n',
      /^the request is of version 2 of the control protocol, and this vmmsched speaks version 1: /,
    ],
    [
      "a line that is too long",
      `${" ".repeat(longestRequestBytes)}{}\n`,
      /^a line is longer than 65536 bytes, which is the longest allowed$/,
    ],
    ["a line that never ends", "x".repeat(4 * longestRequestBytes), /^a line is longer than 65536 bytes/],
  ];
  for (const [what, sent, said] of garbage) {
    it(`says what is wrong with ${what}, and ends the connection`, async () => {
      const server = await place.serve(echo);
      const client = await place.raw();
      client.socket.write(sent);
      await until(() => client.ended);
      const [answer, ...more] = client.answers as { id: null; error: { code: string; message: string } }[];
      assert.deepEqual(more, []);
      assert.equal(answer?.id, null);
      assert.equal(answer.error.code, "ERR_CONTROL_PROTOCOL");
      assert.match(answer.error.message, said);
      client.socket.end();
      await until(() => server.openConnections === 0);
    });
  }

  it("ends a connection that goes on sending after it was refused", async () => {
    const server = await place.serve(echo);
    const client = await place.raw();
    const flood = setInterval(() => client.socket.write("garbage\n"), 5);
    try {
      await until(() => server.openConnections === 0);
    } finally {
      clearInterval(flood);
    }
    assert.match(client.received, /ERR_CONTROL_PROTOCOL/);
  });

  it("takes the longest request", async () => {
    await place.serve({ length: (args: object) => JSON.stringify(args).length });
    const client = await place.raw();
    const frame = request(1, "length", { x: "" }).length - 1;
    client.socket.write(request(1, "length", { x: "y".repeat(longestRequestBytes - frame) }));
    assert.deepEqual(await client.answered(), [{ v: 1, id: 1, ok: longestRequestBytes - frame + 8 }]);
  });

  it("serves on while 1,000 clients are connected and silent", async () => {
    const server = await place.serve(echo);
    const before = openSockets();
    const clients: RawClient[] = [];
    for (let i = 0; i < 1000; i++) clients.push(await place.raw());
    assert.ok(server.openConnections <= mostConnections, String(server.openConnections));
    const last = clients.at(-1);
    last?.socket.write(request(1, "echo"));
    assert.deepEqual(await last?.answered(), [{ v: 1, id: 1, ok: {} }]);
    using client = await connectControl(place.socket);
    assert.deepEqual(await client.call("echo", { a: 1 }), { a: 1 });
    for (const each of clients) each[Symbol.dispose]();
    await until(() => openSockets() <= before + 2);
  });

  it("refuses a client while as many calls as it serves are under way, and says so", async () => {
    const { opened, open } = gate();
    let underWay = 0;
    const server = await place.serve({
      wait: async () => {
        underWay++;
        await opened;
        return "done";
      },
    });
    const waiting = [];
    for (let i = 0; i < mostConnections; i++) {
      waiting.push(place.keep(await connectControl(place.socket)).call("wait"));
      await until(() => underWay === i + 1);
    }
    for (let i = 0; i < 2 * mostConnections; i++) await place.raw();
    assert.ok(server.openConnections <= 2 * mostConnections);
    await until(() => server.openConnections === mostConnections);

    using late = await connectControl(place.socket);
    await assert.rejects(late.call("wait"), {
      code: "ERR_CONTROL_UNREACHABLE",
      message: /^the scheduler serves 64 calls and streams already, which is the most; try again when /,
    });
    open();
    assert.deepEqual(new Set(await Promise.all(waiting)), new Set(["done"]));
    using next = await connectControl(place.socket);
    assert.equal(await next.call("wait"), "done");
  });

  it("does not notice a client that is killed before it has read its answer", async () => {
    const server = await place.serve({ ...echo, much: () => "x".repeat(8 * 1024 * 1024) });
    const child = connecting(
      place.socket,
      `socket.write('${request(1, "much").trim()}\\n'); socket.pause();`,
    );
    try {
      const answered = once(child.stdout, "data");
      await until(() => server.openConnections === 1);
      await answered;
    } finally {
      child.kill("SIGKILL");
    }
    await until(() => server.openConnections === 0);
    using client = await connectControl(place.socket);
    assert.deepEqual(await client.call("echo"), {});
  });

  it("serves from a worker thread, and leaves nothing behind when that ends", async () => {
    const modules = ["control/socket/server", "log"].map((name) =>
      import.meta.resolve(`../../../../core/${name}.js`),
    );
    const script = `
      const { parentPort } = require("node:worker_threads");
      (async () => {
        const [{ openControlServer }, { silentLog }] = await Promise.all(${JSON.stringify(modules)}.map((m) => import(m)));
        const server = await openControlServer(${JSON.stringify(place.directory)}, { who: () => "worker" }, silentLog);
        parentPort.once("message", () => server[Symbol.dispose]());
        parentPort.postMessage("open");
      })();`;
    const worker = new Worker(script, { eval: true });
    await once(worker, "message");
    using client = await connectControl(place.socket);
    assert.equal(await client.call("who"), "worker");
    worker.postMessage("close");
    assert.deepEqual(await once(worker, "exit"), [0]);
    assert.deepEqual(readdirSync(place.directory), []);
  });

  it("leaves nothing behind, whatever was under way", async () => {
    const before = openSockets();
    const stream = new PassThrough();
    const server = await place.serve({
      ...echo,
      never: () => new Promise(() => undefined),
      stream: () => stream,
    });
    const calling = place.keep(await connectControl(place.socket));
    const call = assert.rejects(calling.call("never"), {
      code: "ERR_CONTROL_UNREACHABLE",
      message: /is over: the scheduler closed it/,
    });
    await place.keep(await connectControl(place.socket)).stream("stream");
    (await place.raw()).socket.write("garbage\n");
    await until(() => server.openConnections === 3);
    server[Symbol.dispose]();
    await call;
    await until(() => server.openConnections === 0 && stream.destroyed);
    assert.deepEqual(readdirSync(place.directory), []);
    place[Symbol.dispose]();
    await until(() => openSockets() <= before);
  });
});

describe("a stream over the control socket", () => {
  let place: ControlPlace;
  beforeEach(() => {
    place = new ControlPlace();
  });
  afterEach(() => {
    place[Symbol.dispose]();
  });

  it("carries every byte, also those that come with its header", async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256));
    await place.serve({ bytes: () => Readable.from([bytes.subarray(0, 10), bytes.subarray(10)]) });
    using client = await connectControl(place.socket);
    const chunks: Buffer[] = [];
    for await (const chunk of await client.stream("bytes")) chunks.push(chunk as Buffer);
    assert.ok(Buffer.concat(chunks).equals(bytes));
  });

  it("is made only as fast as it is read", async () => {
    let made = 0;
    const endless = () =>
      new Readable({
        read() {
          made++;
          this.push(Buffer.alloc(65_536));
        },
      });
    const server = await place.serve({ endless });
    const client = place.keep(await connectControl(place.socket));
    const stream = await client.stream("endless");
    let before = -1;
    while (before !== made) {
      before = made;
      await sleep(50);
    }
    assert.ok(made < 100, `${String(made)} chunks without a reader`);
    stream.resume();
    await until(() => made > before + 100);
    client[Symbol.dispose]();
    await until(() => server.openConnections === 0);
  });

  for (const [how, leave] of [
    ["closes the connection", (client: RawClient) => client.socket.destroy()],
    ["ends its side", (client: RawClient) => client.socket.end()],
    [
      "goes on talking, and then closes it",
      (client: RawClient) => client.socket.end("more\n".repeat(100_000)),
    ],
  ] as const) {
    it(`is destroyed when the client ${how}, also when it is silent`, async () => {
      const stream = new PassThrough();
      const server = await place.serve({ stream: () => stream });
      const client = await place.raw();
      client.socket.write(request(3, "stream"));
      assert.deepEqual(await client.answered(), [{ v: 1, id: 3, stream: true }]);
      leave(client);
      await until(() => stream.destroyed && server.openConnections === 0);
    });
  }

  it("is destroyed when its client left before it began", async () => {
    const { opened, open } = gate();
    const stream = new PassThrough();
    const server = await place.serve({ stream: () => opened.then(() => stream) });
    const client = await place.raw();
    client.socket.end(request(3, "stream"));
    await sleep(20);
    client[Symbol.dispose]();
    open();
    await until(() => stream.destroyed && server.openConnections === 0);
  });

  it("ends the connection when it fails", async () => {
    const stream = new PassThrough();
    const server = await place.serve({ stream: () => stream });
    using client = await connectControl(place.socket);
    const reading = (await client.stream("stream")).resume();
    stream.write("begun");
    stream.destroy(new Error("disk on fire"));
    await once(reading, "close");
    await until(() => server.openConnections === 0);
    await assert.rejects(client.call("stream"), { code: "ERR_CONTROL_UNREACHABLE" });
  });

  it("is not taken for an answer, nor an answer for it", async () => {
    await place.serve({ ...echo, stream: () => new PassThrough() });
    using client = await connectControl(place.socket);
    await assert.rejects(client.stream("echo"), { code: "ERR_CONTROL_PROTOCOL" });
    await assert.rejects(client.call("stream"), { code: "ERR_CONTROL_PROTOCOL" });
  });
});

/** A process of its own, connected to the socket; it runs `code`, and says so when the first bytes come. */
function connecting(path: string, code: string) {
  // A socket that does not read keeps nobody alive.
  const script = `const socket = require("node:net").connect(${JSON.stringify(path)});
    setInterval(() => {}, 1000);
    socket.on("connect", () => { ${code} process.stdout.write("connected"); });`;
  return spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
}

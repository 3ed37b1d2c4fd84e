/**
 * A process that behaves like QEMU on its sockets: real connections, real shared memory, and answers that a test has written. It is
 * started by scripted-machine.ts and told what to do by messages; each is answered when it has been done.
 */
import * as koffi from "koffi";
import { openSync, readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { ScriptedDisks } from "./scripted-disks.js";
import type { Behaviour, Order } from "./scripted-machine.js";

const [qmpPath = "", qtestPath = "", ramPath = "", sharing = "shared", secondPath = ""] =
  process.argv.slice(2);

const libc = koffi.load("libc.so.6");
const mmap = libc.func("int64_t mmap(void *, size_t, int, int, int, long)") as (
  ...values: (number | null)[]
) => number | bigint;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const ram = openSync(ramPath, "r+");
const ramBytes = 16 * 2 ** 20;
const ramAddress = BigInt(mmap(null, ramBytes, 3, sharing === "shared" ? MAP_SHARED : MAP_PRIVATE, ram, 0));

/** 8 MiB from 0, but for a ROM at 0xc0000, and 8 MiB from 4 GiB. */
const ranges = [
  ["0000000000000000", "00000000000bffff", "ram", "0000000000000000"],
  ["00000000000c0000", "00000000000fffff", "rom", "00000000000c0000"],
  ["0000000000100000", "00000000007fffff", "ram", "0000000000100000"],
  ["0000000100000000", "00000001007fffff", "ram", "0000000000800000"],
] as const;
const view = ranges.map(([from, to, kind, at]) => {
  const offset = at === "0000000000000000" ? "" : ` @${at}`;
  return `  ${from}-${to} (prio 0, ${kind}): ram0${offset}`;
});
const mtree = [
  "FlatView #0",
  ' AS "I/O", root: io',
  " Root memory region: io",
  "  0000000000000000-0000000000000007 (prio 0, i/o): dma-chan",
  "",
  "FlatView #1",
  ' AS "memory", root: system',
  ' AS "cpu-memory-0", root: system',
  " Root memory region: system",
  ...view,
  "  00000000fee00000-00000000feefffff (prio 4096, i/o): apic-msi",
  "",
  "",
].join("\r\n");

let running = true;
let client: Socket | undefined;
/** Of the second QMP socket. */
const others = new Set<Socket>();
let greeting: string | undefined = '{"QMP": {"version": {}, "capabilities": []}}';
const behaviours = new Map<string, Behaviour>();
const received: string[] = [];
const disks = new ScriptedDisks();

function hva(address: number): string {
  const [from, , , at] =
    ranges.find(([first, last]) => address >= parseInt(first, 16) && address <= parseInt(last, 16)) ??
    ranges[0];
  const found = ramAddress + BigInt(parseInt(at, 16) + address - parseInt(from, 16));
  return `Host virtual address for 0x${address.toString(16)} (ram0) is 0x${found.toString(16)}\r\n`;
}

function monitor(line: string): string {
  if (line.startsWith("gpa2hva ")) return hva(parseInt(line.slice(8), 16));
  if (line === "info mtree -f") return mtree;
  return readFileSync(new URL("../../../../test/native/qemu/registers.txt", import.meta.url), "latin1");
}

function emit(event: string, data: object = {}): void {
  if (event === "STOP") running = false;
  if (event === "RESUME") running = true;
  const line = `${JSON.stringify({ event, data, timestamp: { seconds: 1, microseconds: 0 } })}\r\n`;
  for (const socket of [client, ...others]) socket?.write(line);
}

function standard(command: string, parameters: Record<string, string>): unknown {
  switch (command) {
    case "query-status":
      return { status: running ? "running" : "paused", running };
    case "stop":
      if (running) emit("STOP");
      return {};
    case "cont":
      if (!running) emit("RESUME");
      return {};
    case "query-cpus-fast":
      return [{ "thread-id": process.pid }, { "thread-id": process.pid }];
    case "query-name":
      return { name: "scripted" };
    case "query-uuid":
      return { UUID: "00000000-0000-0000-0000-000000000000" };
    case "query-memory-size-summary":
      return { "base-memory": ramBytes, "plugged-memory": 0 };
    case "query-chardev":
      return [
        { label: "qtest", filename: `disconnected:unix:${qtestPath},server=on`, "frontend-open": true },
      ];
    case "query-block":
      return disks.query();
    case "human-monitor-command":
      return monitor(parameters["command-line"] ?? "");
    default:
      return {};
  }
}

function answer(socket: Socket, line: string): void {
  const {
    execute,
    arguments: parameters = {},
    id,
  } = JSON.parse(line) as {
    execute: string;
    arguments?: Record<string, string>;
    id: number;
  };
  const command = execute === "human-monitor-command" ? (parameters["command-line"] ?? "") : execute;
  received.push(command);
  const behaviour = behaviours.get(command) ?? behaviours.get(command.split(" ")[0] ?? "") ?? {};
  for (const event of behaviour.events ?? []) emit(event);
  if (behaviour.close === true) return void socket.destroy();
  if (behaviour.silent === true) return;
  if (behaviour.raw !== undefined) return void socket.write(`${behaviour.raw}\r\n`);
  if (behaviour.error !== undefined) {
    socket.write(`${JSON.stringify({ error: { class: "GenericError", desc: behaviour.error }, id })}\r\n`);
    return;
  }
  const refused = execute === "block_set_io_throttle" ? disks.set(parameters) : undefined;
  if (refused !== undefined) {
    socket.write(`${JSON.stringify({ error: { class: "GenericError", desc: refused }, id })}\r\n`);
    return;
  }
  const value = "return" in behaviour ? behaviour.return : standard(execute, parameters);
  socket.write(`${JSON.stringify({ return: value, id })}\r\n`);
}

function lines(socket: Socket, each: (line: string) => void): void {
  let rest = "";
  socket.on("error", () => undefined);
  socket.on("data", (bytes: Buffer) => {
    const parts = (rest + bytes.toString()).split("\n");
    rest = parts.pop() ?? "";
    parts.forEach(each);
  });
}

const qmp = createServer((socket) => {
  client = socket;
  if (greeting !== undefined) socket.write(`${greeting}\r\n`);
  lines(socket, (line) => answer(socket, line));
});
const second = createServer((socket) => {
  others.add(socket);
  socket.on("close", () => others.delete(socket));
  socket.write('{"QMP": {"version": {}, "capabilities": []}}\r\n');
  lines(socket, (line) => answer(socket, line));
});
const qtest = createServer((socket) => {
  lines(socket, (line) => {
    received.push(line);
    const { silent, raw } = behaviours.get(line.split(" ")[0] ?? "") ?? {};
    if (silent !== true) socket.write(`${raw ?? (line === "endianness" ? "OK little" : "OK")}\n`);
  });
});

process.on("message", (order: Order) => {
  if (order.what === "behave") behaviours.set(order.command, order.behaviour);
  if (order.what === "emit") emit(order.event, order.data);
  if (order.what === "drop") client?.destroy();
  if (order.what === "greet") greeting = order.greeting;
  if (order.what === "split") client?.write(order.text);
  if (order.what === "disks") disks.disks = order.disks;
  process.send?.({ received: [...received], running, disks: disks.disks });
  if (order.what === "forget") received.length = 0;
});
process.on("disconnect", () => process.exit());
qtest.listen(qtestPath, () =>
  second.listen(secondPath, () => qmp.listen(qmpPath, () => process.send?.({ received, running }))),
);

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ScriptedDisk } from "./scripted-disks.js";

/** What the scripted QEMU does with a command instead of what QEMU does. `events` come before the answer. */
export interface Behaviour {
  readonly events?: readonly string[];
  readonly return?: unknown;
  readonly error?: string;
  readonly raw?: string;
  readonly silent?: boolean;
  readonly close?: boolean;
}

export type Order =
  | { readonly what: "behave"; readonly command: string; readonly behaviour: Behaviour }
  | { readonly what: "emit"; readonly event: string; readonly data?: object }
  | { readonly what: "drop" | "ask" | "forget" }
  | { readonly what: "disks"; readonly disks: readonly ScriptedDisk[] }
  | { readonly what: "split"; readonly text: string }
  | { readonly what: "greet"; readonly greeting?: string };

/** What it has been asked so far, and whether its vCPUs would run. */
export interface Account {
  readonly received: readonly string[];
  readonly running: boolean;
  readonly disks: readonly ScriptedDisk[];
}

const ramBytes = 16 * 2 ** 20;

/** The test's side of scripted-qemu.ts: a machine in a process of its own, which answers while the test waits for it. */
export class ScriptedMachine implements AsyncDisposable {
  private constructor(
    readonly folder: string,
    private readonly child: ChildProcess,
    private readonly ram: number,
  ) {}

  /** With `sharing` private its RAM is its own. */
  static async start(sharing: "shared" | "private" = "shared"): Promise<ScriptedMachine> {
    const folder = mkdtempSync(join(tmpdir(), "vmmsched-qemu-"));
    const ramFile = join(folder, "ram");
    const ram = openSync(ramFile, "w+");
    ftruncateSync(ram, ramBytes);
    const program = fileURLToPath(new URL("./scripted-qemu.js", import.meta.url));
    const child = fork(program, [
      ...[join(folder, "vm.qmp"), join(folder, "vm.qtest"), ramFile, sharing],
      join(folder, "second.sock"),
    ]);
    await once(child, "message");
    return new ScriptedMachine(folder, child, ram);
  }

  get ramFile(): string {
    return join(this.folder, "ram");
  }

  get qmp(): string {
    return join(this.folder, "vm.qmp");
  }

  get qtest(): string {
    return join(this.folder, "vm.qtest");
  }

  /** Its second QMP socket, which takes any number of clients. */
  get second(): string {
    return join(this.folder, "second.sock");
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Resolves when it has been done. */
  async tell(order: Order): Promise<Account> {
    const done = once(this.child, "message");
    this.child.send(order);
    return ((await done) as [Account])[0];
  }

  behave(command: string, behaviour: Behaviour): Promise<Account> {
    return this.tell({ what: "behave", command, behaviour });
  }

  emit(event: string, data?: object): Promise<Account> {
    return this.tell(data === undefined ? { what: "emit", event } : { what: "emit", event, data });
  }

  /** From now on it has these. */
  plug(...disks: readonly ScriptedDisk[]): Promise<Account> {
    return this.tell({ what: "disks", disks });
  }

  async account(): Promise<Account> {
    return await this.tell({ what: "ask" });
  }

  /** What came since this was asked last. */
  async since(): Promise<Account> {
    return await this.tell({ what: "forget" });
  }

  /** A word of its RAM, by the offset in the file. */
  poke(offset: number, value: number): void {
    const word = Buffer.alloc(4);
    word.writeInt32LE(value);
    writeSync(this.ram, word, 0, 4, offset);
  }

  peek(offset: number): number {
    const word = Buffer.alloc(4);
    readSync(this.ram, word, 0, 4, offset);
    return word.readInt32LE();
  }

  async kill(): Promise<void> {
    const ended = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.kill();
    closeSync(this.ram);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

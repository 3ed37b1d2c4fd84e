import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { rename } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { sharedClock } from "./guest-configurations.js";
import type { Images } from "./images.js";
import { Qmp } from "../qmp.js";

/** A machine that hangs is ended by then, whatever became of its runner. */
const longestLifeSeconds = 3600;
const memory = "2560M";
const dom0Memory = "1280M";

export interface MachineOptions {
  readonly images: Images;
  /** Where the logs of this run go. */
  readonly folder: string;
  /** The raw disk that carries the code under test. */
  readonly disk: string;
  /** A saved machine to go on from; without it the machine boots. */
  readonly state?: string;
}

/** The emulated computer: Xen and Dom0 in QEMU. */
export class Machine implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #sockets: string;
  readonly #folder: string;
  #qmp: Qmp | undefined;
  /** Rejects when the machine ends by itself or Dom0's init says that it failed. */
  readonly failure: Promise<never>;
  readonly #end = (): void => void this.#child.kill("SIGTERM");

  private constructor(child: ChildProcess, sockets: string, folder: string) {
    this.#child = child;
    this.#sockets = sockets;
    this.#folder = folder;
    this.failure = new Promise((_, reject) => {
      const log = join(folder, "serial.log");
      child.on("exit", (code) => reject(new Error(`QEMU ended with ${code}; see ${folder}`)));
      if (child.stdout !== null)
        logWithTime(child.stdout, log, (line) => {
          if (line.includes("LAB FAILED")) reject(new Error(`Dom0 did not come up: "${line}"; see ${log}`));
        });
    });
    this.failure.catch(() => undefined);
    process.on("exit", this.#end);
  }

  /** Starts the machine; a restored one stands still until `go`. */
  static async start(options: MachineOptions): Promise<Machine> {
    // Socket paths are limited to 108 bytes, which the repository's own path may exceed.
    const sockets = mkdtempSync(join(tmpdir(), "vmmsched-lab-"));
    const errors = openSync(join(options.folder, "qemu.log"), "a");
    const child = spawn("setpriv", commandLine(options, sockets), { stdio: ["ignore", "pipe", errors] });
    const machine = new Machine(child, sockets, options.folder);
    try {
      machine.#qmp = await machine.#connect(join(sockets, "qmp"));
      if (options.state !== undefined) await machine.#waitForStatus("query-status", "prelaunch", "paused");
      return machine;
    } catch (error) {
      await machine[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The socket of the agent's port in Dom0. */
  get agentSocket(): string {
    return join(this.#sockets, "agent");
  }

  async go(): Promise<void> {
    await this.#command("cont");
  }

  /** Stops the machine and writes all of it into a file, to which `state` can go back. */
  async save(file: string): Promise<void> {
    const partial = `${file}.partial`;
    await this.#command("stop");
    await this.#command("migrate-set-parameters", { "max-bandwidth": 10 * 2 ** 30 });
    await this.#command("migrate", { uri: `exec:cat > '${partial}'` });
    await this.#waitForStatus("query-migrate", "completed");
    await rename(partial, file);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off("exit", this.#end);
    this.#qmp?.close();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, "exit");
      this.#end();
      await ended;
    }
    rmSync(this.#sockets, { recursive: true, force: true });
  }

  async #command(name: string, args?: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#qmp?.command(name, args);
  }

  /** QEMU makes the socket a moment before it listens, and both some time after its start. */
  async #connect(path: string): Promise<Qmp> {
    for (let tries = 0; tries < 400 && this.#child.exitCode === null; tries++) {
      if (existsSync(path)) {
        const qmp = await Qmp.connect(path).catch(() => undefined);
        if (qmp !== undefined) return qmp;
      }
      await sleep(50);
    }
    throw new Error(`QEMU did not start; see ${join(this.#folder, "qemu.log")}`);
  }

  async #waitForStatus(query: "query-status" | "query-migrate", ...wanted: string[]): Promise<void> {
    for (let tries = 0; ; tries++) {
      const status = (await this.#qmp?.status(query)) ?? "";
      if (wanted.includes(status)) return;
      if (status === "failed" || tries > 1200)
        throw new Error(
          `QEMU: expected ${wanted.join(" or ")}, found ${status}; see ${this.#folder}/qemu.log`,
        );
      await sleep(50);
    }
  }
}

/** Commas separate parts of -initrd; those inside an argument are doubled. */
function initrdArgument(text: string): string {
  return text.replaceAll(",", ",,");
}

function commandLine({ images, disk, state }: MachineOptions, sockets: string): string[] {
  // qemu64: `-cpu max` crashes Dom0 (SMAP) and kills processes of PV guests; +npt is for PVH guests.
  const qemu = [
    ...["qemu-system-x86_64", "-M", "pc", "-accel", "tcg,thread=multi", "-cpu", "qemu64,+npt", "-smp", "2"],
    ...["-m", memory, "-display", "none", "-nodefaults", "-no-reboot", "-monitor", "none", "-net", "none"],
    ...["-serial", "stdio", "-qmp", `unix:${join(sockets, "qmp")},server=on,wait=off`],
    ...["-chardev", `socket,id=agent,path=${join(sockets, "agent")},server=on,wait=off`],
    ...["-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name=vmmsched.lab"],
    ...["-drive", `id=code,if=none,format=raw,readonly=on,file=${initrdArgument(disk)}`],
    ...["-device", "virtio-blk-pci,drive=code"],
    ...["-kernel", images.xen, "-append"],
    `com1=115200,8n1 console=com1 loglvl=all guest_loglvl=all noreboot dom0_mem=${dom0Memory},max:${dom0Memory} dom0_max_vcpus=1 dom0_vcpus_pin`,
    ...[
      "-initrd",
      `${initrdArgument(images.kernel)} console=hvc0 loglevel=5 ${sharedClock},${initrdArgument(images.dom0)}`,
    ],
  ];
  if (state !== undefined) qemu.push("-S", "-incoming", `exec:cat '${state}'`);
  // Each link ends with the one before it, so that no QEMU outlives a runner that was killed.
  return [
    ...["--pdeathsig", "TERM", "timeout", "--kill-after=5", String(longestLifeSeconds)],
    ...["setpriv", "--pdeathsig", "KILL", ...qemu],
  ];
}

function logWithTime(stream: NodeJS.ReadableStream, file: string, each: (line: string) => void): void {
  const log = createWriteStream(file);
  const began = performance.now();
  const lines = createInterface({ input: stream });
  lines.on("line", (line) => {
    const text = line.trimEnd();
    if (text === "") return;
    log.write(`${((performance.now() - began) / 1000).toFixed(2).padStart(8)} ${text}\n`);
    each(text);
  });
  lines.on("close", () => log.end());
}

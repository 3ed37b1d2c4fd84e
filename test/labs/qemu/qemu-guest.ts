import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, openSync, readFileSync } from "node:fs";
import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Guest } from "../guest.js";
import { SocketConsole } from "./socket-console.js";

/** A guest that hangs is ended by then, whatever became of its runner. */
const longestLifeSeconds = 6 * 3600;

export interface GuestOptions {
  readonly name: string;
  readonly vcpus: number;
  /** Files. */
  readonly kernel: string;
  readonly initramfs: string;
  /** Where sockets and RAM lie: paths of sockets have an end. */
  readonly sockets: string;
  /** Where the logs of this run go. */
  readonly folder: string;
  /** Without it the guest has no qtest socket, and takes no interrupts. */
  readonly qtest?: boolean;
  /** Its RAM is a memfd, not a file. */
  readonly memfd?: boolean;
  /**
   * Default: true. Without a TSC its scheduler's clock is as exact as its tick, but runs at the right rate even when the
   * host was busy while the guest booted.
   */
  readonly tsc?: boolean;
  /** By default 512. */
  readonly memoryMib?: number;
  /** It has a disk of this size, which is a raw file in memory; by default none. */
  readonly diskMib?: number;
  /** Its page tables have five levels where the emulated CPU can; with false they have four. */
  readonly la57?: boolean;
}

/** A Linux guest in a QEMU of its own, started as docs/operating.md says. */
export class QemuGuest extends Guest implements AsyncDisposable {
  private constructor(
    private readonly child: ChildProcess,
    private readonly options: GuestOptions,
    private readonly serial: SocketConsole,
  ) {
    super(options.name, serial);
  }

  /** Starts it and waits until its init is ready. */
  static async boot(options: GuestOptions): Promise<QemuGuest> {
    // Sockets of a QEMU that was killed are still there.
    for (const kind of ["serial", "qmp", "admin", "qtest", "ram"])
      await rm(join(options.sockets, `${options.name}.${kind}`), { force: true });
    if (options.diskMib !== undefined) {
      await writeFile(diskFile(options), "");
      await truncate(diskFile(options), options.diskMib * 2 ** 20);
    }
    const log = openSync(join(options.folder, `${options.name}.qemu.log`), "a");
    const child = spawn("setpriv", commandLine(options), { stdio: ["ignore", log, log] });
    const end = () => void child.kill("SIGTERM");
    process.on("exit", end);
    child.on("exit", () => process.off("exit", end));
    try {
      const path = join(options.sockets, `${options.name}.serial`);
      for (let tries = 0; !existsSync(path); tries++) {
        if (tries > 400 || child.exitCode !== null)
          throw new Error(`QEMU did not start; see ${options.folder}/${options.name}.qemu.log`);
        await sleep(50);
      }
      const serial = await SocketConsole.connect(path, join(options.folder, `${options.name}.log`));
      const guest = new QemuGuest(child, options, serial);
      await guest.waitForBoot();
      return guest;
    } catch (error) {
      await ended(child);
      throw error;
    }
  }

  /** Waits for the READY line of a boot that begins after `since`. */
  async waitForBoot(since = 0): Promise<void> {
    const forks = await this.waitFor(/FORKTEST n=\d+ killed_by_signal=(\d+) failed=(\d+)/, 240_000, since);
    if (forks[1] !== "0" || forks[2] !== "0")
      throw new Error(
        `${this.name}: the emulated CPU kills short processes (${forks[0]}); no test can be trusted`,
      );
    await this.waitFor(/^READY/, 60_000, since);
  }

  get qmp(): string {
    return join(this.options.sockets, `${this.name}.qmp`);
  }

  /** A second QMP socket, for the test's own questions: the first has one client only, vmmsched. */
  get adminQmp(): string {
    return join(this.options.sockets, `${this.name}.admin`);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Of QEMU itself, which its keepers have started. */
  get qemuPid(): number {
    const keeper = String(this.pid);
    const children = readFileSync(`/proc/${keeper}/task/${keeper}/children`, "latin1").trim();
    if (!/^\d+$/.test(children))
      throw new Error(`${this.name}: expected one child of ${keeper}, found "${children}"`);
    return Number(children);
  }

  /** The kernel's messages, which go to a serial line of their own. */
  kernelLog(): Promise<string> {
    return readFile(join(this.options.folder, `${this.name}.kernel.log`), "latin1");
  }

  /** QEMU dies at once, and tells nobody. */
  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await ended(this.child);
  }

  /** Waits until QEMU has ended by itself. */
  async waitForExit(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, "exit");
  }

  /** The file that is its RAM, unless that is a memfd. */
  get ram(): string {
    return ramFile(this.options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.serial[Symbol.dispose]();
    await ended(this.child);
    for (const file of [ramFile(this.options), diskFile(this.options)]) await rm(file, { force: true });
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  await exit;
}

function ramFile({ sockets, name }: GuestOptions): string {
  return join(sockets, `${name}.ram`);
}

function diskFile({ sockets, name }: GuestOptions): string {
  return join(sockets, `${name}.disk`);
}

function commandLine(options: GuestOptions): string[] {
  const { name, vcpus, kernel, initramfs, sockets, folder, qtest = true, memfd = false } = options;
  const { memoryMib = 512, la57 = true, tsc = true } = options;
  const size = `${memoryMib}M`;
  const backend = memfd
    ? `memory-backend-memfd,id=ram0,size=${size},share=on`
    : `memory-backend-file,id=ram0,size=${size},mem-path=${ramFile(options)},share=on`;
  const socket = (kind: string) => `unix:${join(sockets, `${name}.${kind}`)},server=on,wait=off`;
  const qemu = [
    ...["qemu-system-x86_64", "-name", name, "-machine", "pc,memory-backend=ram0", "-object", backend],
    // Emulated, cmpxchg16b takes stale arithmetic for flags (QEMU 7.2), TF and NT among them: kernels that use it die of them, now and then.
    ...[
      "-accel",
      "tcg,thread=multi",
      "-cpu",
      `max,cx16=off${tsc ? "" : ",tsc=off"}${la57 ? "" : ",la57=off"}`,
    ],
    ...["-smp", String(vcpus), "-m", size],
    ...["-display", "none", "-nodefaults", "-qmp", socket("qmp"), "-qmp", socket("admin")],
    ...(options.diskMib === undefined
      ? []
      : [
          ...["-drive", `file=${diskFile(options)},format=raw,if=none,id=disk0`],
          ...["-device", "nvme,drive=disk0,serial=lab,id=nvme0"],
        ]),
    ...(qtest ? ["-qtest", socket("qtest"), "-qtest-log", "none"] : []),
    ...["-chardev", `file,id=kernel,path=${join(folder, `${name}.kernel.log`)}`, "-serial", "chardev:kernel"],
    ...["-chardev", `socket,id=init,path=${join(sockets, `${name}.serial`)},server=on,wait=on`],
    ...["-serial", "chardev:init", "-kernel", kernel, "-initrd", initramfs],
    // On a busy host the emulated TSC is misjudged at boot, and the guest lives several times too fast; the HPET tells its rate.
    // And the timer does not tick in time for the kernel's check of it, which would panic.
    ...[
      "-append",
      "console=ttyS0 loglevel=6 panic=0 clocksource=hpet tsc=nowatchdog no_timer_check lab=/dev/ttyS1",
    ],
  ];
  // It ends with its runner, however that ends.
  return [
    "--pdeathsig",
    "KILL",
    "timeout",
    "--foreground",
    "--kill-after=5",
    String(longestLifeSeconds),
    "setpriv",
    "--pdeathsig",
    "KILL",
    ...qemu,
  ];
}

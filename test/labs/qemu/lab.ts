import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Endings } from "../endings.js";
import { installHostPackages } from "../debian-packages.js";
import { addKexecFiles, buildGuestInitramfs } from "../guest-image.js";
import { lockLab } from "../lock.js";
import type { Lab } from "../observe.js";
import { Qmp } from "../qmp.js";
import { newRunFolder } from "../run-folder.js";
import { fetchKernel, type LabKernel } from "./kernels.js";
import { cache } from "./places.js";
import { QemuGuest, type GuestOptions } from "./qemu-guest.js";

interface Booted extends Omit<GuestOptions, "folder" | "sockets" | "kernel" | "initramfs"> {
  /** It can boot the same kernel once more by kexec. */
  readonly kexec?: boolean;
}

/** Linux guests in QEMUs of this host, which end with the lab. */
export class QemuLab implements Lab, AsyncDisposable {
  readonly #guests = new Map<string, QemuGuest>();
  readonly #admins = new Map<QemuGuest, Qmp>();

  private constructor(
    /** Logs of this run. */
    readonly folder: string,
    /** The directory in which vmmsched finds the guests. */
    readonly sockets: string,
    private readonly kernel: string,
    private readonly initramfs: string,
    private readonly endings: Endings,
  ) {}

  /** Downloads and builds what is missing. `name` is that of the folder of this run's logs. */
  static async open(
    name: string,
    kernel: LabKernel,
    say = (text: string) => void process.stderr.write(`[QEMU lab] ${text}\n`),
  ): Promise<QemuLab> {
    const endings = new Endings();
    try {
      const lock = await lockLab("QEMU", cache, say);
      endings.add(() => lock[Symbol.dispose]());
      await installHostPackages();
      const folder = await newRunFolder(cache, name);
      const memory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
      const sockets = await mkdtemp(join(memory, "vmmsched-lab-"));
      endings.add(() => rm(sockets, { recursive: true, force: true }));
      const initramfs = join(folder, "guest.cpio.gz");
      await writeFile(initramfs, await buildGuestInitramfs());
      endings.add(() => rm(initramfs, { force: true }));
      return new QemuLab(folder, sockets, await fetchKernel(kernel), initramfs, endings);
    } catch (error) {
      await endings.run();
      throw error;
    }
  }

  /** Boots a guest and waits until it is ready. */
  async boot(options: Booted): Promise<QemuGuest> {
    const { folder, sockets, kernel } = this;
    const initramfs = options.kexec === true ? await this.#withKexec() : this.initramfs;
    const guest = await QemuGuest.boot({ ...options, folder, sockets, kernel, initramfs });
    this.#guests.set(guest.name, guest);
    this.endings.add(() => guest[Symbol.asyncDispose]());
    return guest;
  }

  guest(name: string): QemuGuest {
    const found = this.#guests.get(name);
    if (found === undefined) throw new Error(`no guest ${name} was booted`);
    return found;
  }

  async hostUptime(): Promise<number> {
    return Number((await readFile("/proc/uptime", "latin1")).split(" ")[0]);
  }

  /** A QMP connection beside vmmsched's, as an administrator has one; one a guest, since QEMU serves no more. */
  async admin(name: string): Promise<Qmp> {
    const guest = this.guest(name);
    const known = this.#admins.get(guest);
    if (known !== undefined) return known;
    const qmp = await Qmp.connect(guest.adminQmp);
    this.#admins.set(guest, qmp);
    this.endings.add(() => qmp.close());
    return qmp;
  }

  async #withKexec(): Promise<string> {
    const file = join(this.folder, "guest-kexec.cpio.gz");
    await writeFile(file, await addKexecFiles(this.initramfs, this.kernel));
    this.endings.add(() => rm(file, { force: true }));
    return file;
  }

  /** Ends all guests. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.endings.run();
  }
}

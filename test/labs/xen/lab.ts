import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeCodeDisk } from "./code-archive.js";
import { Dom0Console } from "./dom0-console.js";
import { Dom0 } from "./dom0.js";
import type { Lab } from "../observe.js";
import { Endings } from "../endings.js";
import { Guest } from "../guest.js";
import { ensureImages } from "./images.js";
import { lockLab } from "../lock.js";
import { newRunFolder } from "../run-folder.js";
import { Machine } from "./machine.js";
import { cache } from "./places.js";
import { ensureSavedState } from "./saved-state.js";

export interface LabOptions {
  /** Names the folder of this run's logs. */
  readonly name: string;
  /** Further files for Dom0: those of the host, by path below /opt/vmmsched. */
  readonly files?: () => Promise<ReadonlyMap<string, string>>;
  /** Progress of what takes long; default: standard error. */
  readonly say?: (text: string) => void;
}

/** A restored Xen machine with the code under test in Dom0's /opt/vmmsched, and the guests pv1, pv2 and pvh1 idle. */
export class XenLab implements Lab, AsyncDisposable {
  readonly dom0: Dom0;
  /** serial.log (Xen's console), qemu.log, and after the end the guests' consoles. */
  readonly folder: string;
  readonly #endings: Endings;

  private constructor(dom0: Dom0, folder: string, endings: Endings) {
    this.dom0 = dom0;
    this.folder = folder;
    this.#endings = endings;
  }

  /** Builds what is missing (minutes, once), then goes back to the saved machine (seconds). */
  static async restore(options: LabOptions): Promise<XenLab> {
    const say = options.say ?? ((text: string) => void process.stderr.write(`[xen lab] ${text}\n`));
    const endings = new Endings();
    try {
      const lock = await lockLab("Xen", cache, say);
      endings.add(() => lock[Symbol.dispose]());
      const images = await ensureImages(say);
      const state = await ensureSavedState(images, say);
      const folder = await newRunFolder(cache, options.name);
      const disk = join(folder, "code.disk");
      await writeCodeDisk(disk, (await options.files?.()) ?? new Map());
      endings.add(() => rm(disk, { force: true }));
      const machine = await Machine.start({ images, folder, disk, state });
      endings.add(() => machine[Symbol.asyncDispose]());
      const dom0 = await Dom0.connect(machine.agentSocket);
      endings.add(() => dom0[Symbol.dispose]());
      await machine.go();
      await dom0.unpack();
      return new XenLab(dom0, folder, endings);
    } catch (error) {
      await endings.run();
      throw error;
    }
  }

  guest(name: string): Guest {
    return new Guest(name, new Dom0Console(name, this.dom0));
  }

  async hostUptime(): Promise<number> {
    const { stdout } = await this.dom0.run("cut -d' ' -f1 /proc/uptime");
    return Number(stdout);
  }

  /** Keeps the guests' consoles and ends the machine. */
  async close(): Promise<void> {
    try {
      const { stdout } = await this.dom0.run("ls /var/log/xen/console", { mayFail: true });
      for (const file of stdout.split("\n").filter((name) => /^guest-[\w-]+\.log$/.test(name))) {
        const log = await this.dom0.run(`cat /var/log/xen/console/${file}`, { mayFail: true });
        await writeFile(join(this.folder, file), log.stdout);
      }
    } finally {
      await this.#endings.run();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

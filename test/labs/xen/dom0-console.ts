import type { GuestConsole } from "../guest.js";
import type { Dom0 } from "./dom0.js";

/** A guest's Xen console, which xenconsoled logs in Dom0. */
export class Dom0Console implements GuestConsole {
  readonly #log: string;

  constructor(
    private readonly name: string,
    private readonly dom0: Dom0,
  ) {
    this.#log = `/var/log/xen/console/guest-${name}.log`;
  }

  async send(line: string): Promise<void> {
    await this.dom0.run(`guest-send ${this.name} ${quoted(line)}`);
  }

  async read(since: number): Promise<string> {
    const command = `tail -c +${since + 1} ${this.#log} 2>/dev/null`;
    return (await this.dom0.run(command, { mayFail: true })).stdout;
  }

  async size(): Promise<number> {
    const { stdout } = await this.dom0.run(`stat -c %s ${this.#log}`, { mayFail: true });
    return Number(stdout.trim() || 0);
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

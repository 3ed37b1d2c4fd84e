import { closeSync, openSync, readSync } from "node:fs";

const zero = 0x30;
const nine = 0x39;

/**
 * CPU time of the threads that are a machine's vCPUs, by the host's scheduler: the first number of /proc/PID/task/TID/schedstat, in
 * nanoseconds. The files stay open, so that looking allocates nothing.
 */
export class VcpuTime implements Disposable {
  readonly #files: number[] = [];
  readonly #last: number[] = [];
  readonly #bytes = new Uint8Array(64);

  /** Threads that are gone already count nothing. */
  constructor(pid: number, threads: readonly number[]) {
    for (const thread of threads) {
      try {
        this.#files.push(openSync(`/proc/${pid}/task/${thread}/schedstat`, "r"));
        this.#last.push(0);
      } catch {
        continue;
      }
    }
  }

  /** Sum over all vCPUs since their threads were made; a thread that has ended counts what it had when it was last seen. */
  totalNs(): number {
    let total = 0;
    for (let i = 0; i < this.#files.length; i++) {
      const now = this.#read(this.#files[i] ?? -1);
      if (now >= 0) this.#last[i] = now;
      total += this.#last[i] ?? 0;
    }
    return total;
  }

  [Symbol.dispose](): void {
    for (const file of this.#files.splice(0)) closeSync(file);
  }

  #read(file: number): number {
    let count: number;
    try {
      count = readSync(file, this.#bytes, 0, this.#bytes.length, 0);
    } catch {
      return -1;
    }
    let value = -1;
    for (let i = 0; i < count; i++) {
      const byte = this.#bytes[i] ?? 0;
      if (byte < zero || byte > nine) break;
      value = Math.max(0, value) * 10 + byte - zero;
    }
    return value;
  }
}

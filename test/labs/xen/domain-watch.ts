import type { XenLab } from "./lab.js";
import { sleepMs } from "../vmmsched-log.js";

/** Something that became of a domain, by Dom0's clock. */
export interface DomainChange {
  readonly what: "appeared" | "ended";
  readonly id: number;
  readonly ms: number;
}

const output = "/tmp/domain-watch";
const everyMs = 20;

/**
 * Asks the hypervisor for its list of domains, which is what `xl list` prints, but quicker than that program starts.
 * A domain has appeared when the toolstack has named it, by which vmmsched includes and excludes it. It has ended when
 * it is dying (1) or shut down (4), or is no longer there.
 */
const script = `
  const koffi = require("koffi");
  const xen = koffi.load("libxenctrl.so.4.17");
  const xch = xen.func("void *xc_interface_open(void *, void *, unsigned int)")(null, null, 0);
  const list = xen.func("int xc_domain_getinfolist(void *, uint32_t, unsigned int, _Out_ uint8_t *)");
  const bytes = Buffer.alloc(64 * 112);
  const store = koffi.load("libxenstore.so.4");
  const xs = store.func("void *xs_open(unsigned long)")(0);
  const read = store.func("void *xs_read(void *, uint32_t, const char *, _Out_ uint32_t *)");
  const isNamed = (id) => read(xs, 0, "/local/domain/" + id + "/name", [0]) !== null;
  let living = new Set();
  const look = () => {
    const count = list(xch, 0, 64, bytes);
    const ms = Date.now();
    const now = new Set();
    for (let at = 0; at < count * 112; at += 112)
      if ((bytes.readUInt32LE(at + 4) & 5) === 0) now.add(bytes.readUInt16LE(at));
    for (const id of now) if (!living.has(id) && !isNamed(id)) now.delete(id);
    for (const id of now) if (!living.has(id)) console.log("appeared", id, ms);
    for (const id of living) if (!now.has(id)) console.log("ended", id, ms);
    living = now;
  };
  setInterval(look, ${everyMs});
`;

/** Records when domains come and go, from outside of vmmsched. */
export class DomainWatch {
  private constructor(
    private readonly lab: XenLab,
    private readonly pid: number,
  ) {}

  static async start(lab: XenLab): Promise<DomainWatch> {
    const command = [
      `cat > ${output}.cjs <<'EOS'\n${script}\nEOS`,
      `: > ${output}.out`,
      `NODE_PATH=/opt/vmmsched/node_modules node ${output}.cjs > ${output}.out 2>&1 & echo $!`,
    ].join("\n");
    const { stdout } = await lab.dom0.run(command);
    const watch = new DomainWatch(lab, Number(stdout.trim()));
    await watch.waitFor((changes) => changes.length > 0, 60_000, "does not see any domain");
    return watch;
  }

  async changes(): Promise<readonly DomainChange[]> {
    const { stdout } = await this.lab.dom0.run(`cat ${output}.out`);
    return stdout.split("\n").flatMap((line) => {
      const match = /^(appeared|ended) (\d+) (\d+)$/.exec(line);
      return match === null
        ? []
        : [{ what: match[1] === "ended" ? "ended" : "appeared", id: Number(match[2]), ms: Number(match[3]) }];
    });
  }

  /** The last domain that has appeared. */
  async newest(): Promise<number> {
    const appeared = (await this.changes()).filter(({ what }) => what === "appeared");
    return appeared.at(-1)?.id ?? 0;
  }

  async waitFor(
    ready: (changes: readonly DomainChange[]) => boolean,
    timeoutMs: number,
    problem: string,
  ): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!ready(await this.changes())) {
      if (performance.now() > deadline) {
        const { stdout } = await this.lab.dom0.run(`tail -n 20 ${output}.out; xl list`);
        throw new Error(`${problem} within ${timeoutMs} ms:\n${stdout}`);
      }
      await sleepMs(300);
    }
  }

  async stop(): Promise<void> {
    await this.lab.dom0.run(`kill ${this.pid}`);
  }
}

import { SimulatedHost, SimulatedHypervisor, type DomainSpec } from "../../native/simulated/index.js";
import { openXen } from "../../native/xen/index.js";
import { benchCycle, passRealTime, type BenchHost } from "./cycle-bench.js";
import { benchImages } from "./image-bench.js";
import { benchReload } from "./reload-bench.js";
import { benchWindows } from "./windows-bench.js";

const usage = "usage: run.js [simulated | xen PROCESS-NAME] [TICKS] | reload | image FOLDER | windows";

/** Two guests of each kind with some tens of processes; the burners are the ones to hold. */
function simulated(): BenchHost {
  const processes: DomainSpec["processes"] = [
    { comm: "background", workload: { kind: "threads", count: 4, each: { kind: "burn" } } },
    ...Array.from({ length: 30 }, (_, i) => ({
      comm: `daemon-${String(i)}`,
      workload: { kind: "sleepy", periodMs: 40 + i } as const,
    })),
  ];
  const domains: readonly DomainSpec[] = [
    { name: "pv", kind: "pv", vcpuCount: 2, processes },
    { name: "pvh", kind: "pvh", vcpuCount: 2, processes },
  ];
  const host = new SimulatedHost({ domains });
  host.advance(1e9);
  const pass = () => {
    host.advance(20e6);
    return Promise.resolve();
  };
  return { hypervisor: new SimulatedHypervisor(host), pass, background: "background" };
}

const [driver = "simulated", ...rest] = process.argv.slice(2);
if (driver === "reload") process.stdout.write([...(await benchReload()), ""].join("\n"));
else if (driver === "windows") process.stdout.write([...(await benchWindows()), ""].join("\n"));
else if (driver === "image" && rest[0] !== undefined)
  process.stdout.write([...(await benchImages(rest[0])), ""].join("\n"));
else await benchDriver();

async function benchDriver(): Promise<void> {
  const background = driver === "xen" ? rest.shift() : "";
  if ((driver !== "simulated" && driver !== "xen") || background === undefined) {
    process.stderr.write(`${usage}\n`);
    process.exit(2);
  }
  const host: BenchHost =
    driver === "xen" ? { hypervisor: openXen(), pass: passRealTime, background } : simulated();
  const lines = await benchCycle(host, Number(rest[0] ?? (driver === "xen" ? 200 : 1000)));
  process.stdout.write([`driver ${driver}`, ...lines, ""].join("\n"));
  host.hypervisor[Symbol.dispose]();
}

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { runTests } from "../run-tests.js";

const usage = `usage: run.js [FILTER]        run the lab tests (files whose name contains FILTER)
  VMMSCHED_LAB_KERNELS=6.1,6.12   Debian kernels to boot; default 6.1
  VMMSCHED_LAB_HOLDS=2000         holds and releases of each kind of work, vCPU count and way of waking
  VMMSCHED_LAB_SEED=N             what a run chose at random before`;

if (process.argv.includes("--help")) {
  process.stdout.write(`${usage}\n`);
} else {
  process.exitCode = await runTests(dirname(fileURLToPath(import.meta.url)), process.argv[2] ?? "");
}

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { runTests } from "../run-tests.js";
import { updateMatrix } from "./support-matrix.js";

const usage = `usage: run.js [FILTER...]     run the lab tests (files whose name contains a FILTER)
       run.js --matrix FILE...  take hold-results.json of runs over into docs/support-matrix.json and docs/linux.md
  VMMSCHED_LAB_KERNELS=6.1,6.12   Debian kernels to boot; default 6.1
  VMMSCHED_LAB_HOLDS=2000         holds and releases of each kind of work, by each method; a tenth of it without interrupts
  VMMSCHED_LAB_VCPUS=1,2          vCPUs of the guests in which that is done
  VMMSCHED_LAB_METHODS=trap,...   methods by which it is done; default all
  VMMSCHED_LAB_KILLS=99           how often the scheduler, its guardian, or both are killed
  VMMSCHED_LAB_SOAK_MINUTES=30    length of the soak, for each kernel
  VMMSCHED_LAB_SECONDS=20         how long each share of a nice value is measured, in the guest's time
  VMMSCHED_LAB_QUOTAS=1,5,20,50,90  percents of a CPU that a burner is kept to
  VMMSCHED_LAB_TIER_SECONDS=30    how long the parts of the tiers are measured, in each phase
  VMMSCHED_LAB_IMAGES=FOLDER      where the images of guests' RAM are kept that a run makes (npm run bench -- image FOLDER)
  VMMSCHED_LAB_SEED=N             what a run chose at random before`;

if (process.argv.includes("--help")) {
  process.stdout.write(`${usage}\n`);
} else if (process.argv[2] === "--matrix") {
  await updateMatrix(process.argv.slice(3));
} else {
  process.exitCode = await runTests(dirname(fileURLToPath(import.meta.url)), process.argv.slice(2));
}

import { holdMethodNames, type HoldMethodName } from "../../../guest-profiles/linux/hold-method.js";

/** How often each kind of work is held and released, by each method; a tenth of that without interrupts. */
export const wantedHolds = Number(process.env.VMMSCHED_LAB_HOLDS ?? 2000);

/** How often the scheduler, its guardian, or both are killed. */
export const wantedKills = Number(process.env.VMMSCHED_LAB_KILLS ?? 99);

/** vCPU counts of the guests in which that is done. */
export const wantedVcpus: readonly number[] = (process.env.VMMSCHED_LAB_VCPUS ?? "1,2")
  .split(",")
  .map(Number);

/** The methods by which it is done. */
export const wantedMethods: readonly HoldMethodName[] = (
  process.env.VMMSCHED_LAB_METHODS ?? holdMethodNames.join(",")
)
  .split(",")
  .map((name) => {
    const found = holdMethodNames.find((known) => known === name);
    if (found === undefined)
      throw new Error(`VMMSCHED_LAB_METHODS: expected ${holdMethodNames.join(", ")}; found ${name}`);
    return found;
  });

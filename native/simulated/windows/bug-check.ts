/** Stop codes of bugcodes.h that a broken dispatcher database leads to. */
const stopCodes = {
  IRQL_NOT_LESS_OR_EQUAL: 0xa,
  SPIN_LOCK_NOT_OWNED: 0x10,
  KMODE_EXCEPTION_NOT_HANDLED: 0x1e,
  PAGE_FAULT_IN_NONPAGED_AREA: 0x50,
  CLOCK_WATCHDOG_TIMEOUT: 0x101,
  KERNEL_SECURITY_CHECK_FAILURE: 0x139,
  MANUALLY_INITIATED_CRASH: 0xe2,
} as const;
export type StopCode = keyof typeof stopCodes;

/**
 * KeBugCheckEx: the guest's kernel did what a real one dies of, or would die of later. The checks are those of a checked
 * build with safe unlinking, on all versions: damage shows where it is met. Never leaves the guest.
 */
export class BugCheck extends Error {
  override readonly name = "BugCheck";

  constructor(
    readonly stop: StopCode,
    readonly detail: string,
  ) {
    super(`*** STOP: 0x${stopCodes[stop].toString(16).padStart(8, "0").toUpperCase()} ${stop}: ${detail}`);
  }
}

/** An assertion of the kernel. */
export function assertKernel(holds: boolean, routine: string, what: () => string): void {
  if (!holds) throw new BugCheck("KMODE_EXCEPTION_NOT_HANDLED", `assertion failed in ${routine}: ${what()}`);
}

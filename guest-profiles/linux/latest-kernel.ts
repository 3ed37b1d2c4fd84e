import { AddressSpace, isVmmschedError, VmmschedError, type Domain } from "vmmsched/plugin-api";
import type { FoundKernel } from "./known-kernels.js";

/**
 * Of the kernels that are left in RAM, the one that ran last: a warm reset or kexec leaves the kernel before in place, with
 * its clock stopped. Throws ERR_GUEST_UNSUPPORTED where the clocks do not tell.
 */
export function latestKernel(domain: Domain, found: readonly FoundKernel[]): FoundKernel | undefined {
  const [only, ...others] = found;
  if (only === undefined || others.length === 0) return only;
  const timed = found.map((one) => ({ one, seconds: wallClock(domain, one) }));
  const latest = Math.max(...timed.map(({ seconds }) => seconds));
  const last = timed.filter(({ seconds }) => seconds === latest);
  const [chosen] = last;
  if (chosen === undefined || last.length > 1 || !Number.isFinite(latest)) {
    throw new VmmschedError(
      "ERR_GUEST_UNSUPPORTED",
      `there are ${String(found.length)} kernels in RAM, and their clocks do not tell which ran last; an image with registers would (dump-guest-memory)`,
    );
  }
  const evidence = `of ${String(found.length)} kernels in RAM, the one whose clock went furthest`;
  return { ...chosen.one, evidence: [...chosen.one.evidence, evidence] };
}

/** The kernel's wall clock in seconds, as it last noted it; NaN where it cannot be read. */
function wallClock(domain: Domain, { root, kernel }: FoundKernel): number {
  const clock = kernel.symbols.get("shadow_timekeeper");
  if (clock === undefined || Number.isNaN(kernel.wallClock)) return Number.NaN;
  try {
    return new AddressSpace(domain.memory, root.paging, root.root).u64(clock, kernel.wallClock);
  } catch (error) {
    if (isVmmschedError(error)) return Number.NaN;
    throw error;
  }
}

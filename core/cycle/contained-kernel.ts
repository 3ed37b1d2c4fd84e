import { isVmmschedError, messageOf, VmmschedError } from "../errors.js";
import type {
  Complaint,
  GuestDescription,
  GuestFindings,
  GuestKernel,
  HeldTask,
  NotNow,
  TaskChange,
} from "../guest-profile.js";
import type { Domain } from "../hypervisor.js";
import type { EditTransaction } from "../memory/edit-transaction.js";
import { leastNice, mostNice } from "../nice.js";
import type { ConfiguredProfile } from "../plugins/configure.js";
import type { SnapshotBuilder } from "../snapshot/snapshot-builder.js";

/** Of one answer: what a profile says beyond is left out. */
const mostComplaints = 64;
const mostTextLength = 512;

/** Asks a profile; whatever it throws or rejects with is a VmmschedError then, ERR_PROFILE_FAILED if it was no such. */
export async function attachContained(
  { name, profile, options, layouts }: ConfiguredProfile,
  domain: Domain,
): Promise<GuestKernel | undefined> {
  try {
    const kernel: unknown = await profile.attach(domain, options, layouts);
    return kernel === undefined ? undefined : new ContainedKernel(name, asKernel(kernel));
  } catch (error) {
    throw contained(name, "attach()", error);
  }
}

/** A profile's kernel, whose mistakes cost its own domain only: it throws nothing but VmmschedErrors. */
class ContainedKernel implements GuestKernel {
  readonly description: GuestDescription;
  readonly holdsInTwoSteps: boolean;
  readonly priorityOf?: (nice: number) => number;

  constructor(
    private readonly profile: string,
    private readonly kernel: GuestKernel,
  ) {
    this.description = kernel.description;
    this.holdsInTwoSteps = kernel.holdsInTwoSteps === true;
    const priorities = prioritiesOf(kernel);
    if (priorities !== undefined) this.priorityOf = (nice) => priorities[nice - leastNice] ?? 0;
  }

  get restarts(): number {
    return this.kernel.restarts;
  }

  scan(into: SnapshotBuilder): void {
    try {
      this.kernel.scan(into);
    } catch (error) {
      throw contained(this.profile, "scan()", error);
    }
  }

  findings(): GuestFindings | undefined {
    try {
      return this.kernel.findings?.();
    } catch (error) {
      throw contained(this.profile, "findings()", error);
    }
  }

  health(): readonly Complaint[] {
    try {
      const complaints = this.kernel.health?.() ?? [];
      return complaints.length === 0 ? complaints : complaints.slice(0, mostComplaints).map(asComplaint);
    } catch (error) {
      throw contained(this.profile, "health()", error);
    }
  }

  adopt(held: readonly HeldTask[]): void {
    try {
      this.kernel.adopt?.(held);
    } catch (error) {
      throw contained(this.profile, "adopt()", error);
    }
  }

  plan(change: TaskChange, edit: EditTransaction): "planned" | NotNow {
    try {
      // So that a plan that forgets to begin can never commit what was staged for another task.
      edit.forget();
      return this.kernel.plan(change, edit);
    } catch (error) {
      throw contained(this.profile, "plan()", error);
    }
  }

  [Symbol.dispose](): void {
    try {
      this.kernel[Symbol.dispose]();
    } catch {
      // It is on its way out: there is nothing left that its failure could harm.
    }
  }
}

function asComplaint(value: unknown): Complaint {
  const { source, text } = (value ?? {}) as Partial<Complaint>;
  if (typeof source !== "string" || typeof text !== "string")
    throw new TypeError("it gave a complaint without source or text");
  return { source: source.slice(0, mostTextLength), text: text.slice(0, mostTextLength) };
}

function asKernel(value: unknown): GuestKernel {
  const kernel = value as Partial<GuestKernel> | null;
  const found = { scan: kernel?.scan, plan: kernel?.plan, dispose: kernel?.[Symbol.dispose] };
  const missing = Object.entries(found).filter(([, member]) => typeof member !== "function");
  if (missing.length === 0 && kernel?.description?.capabilities !== undefined) return kernel as GuestKernel;
  const names = missing.length === 0 ? "description" : missing.map(([name]) => name).join(", ");
  throw new TypeError(`it gave something that is no GuestKernel: ${names} missing`);
}

/** In the guest's own scale, from the least nice value on: asked once, so that it is the same for as long as the kernel lives. */
function prioritiesOf(kernel: GuestKernel): readonly number[] | undefined {
  if (!kernel.description.capabilities.priority.can) return undefined;
  if (kernel.priorityOf === undefined)
    throw new TypeError("it says that it can change priorities, and its kernel has no priorityOf()");
  const priorities: number[] = [];
  for (let nice = leastNice; nice <= mostNice; nice++) {
    const priority = kernel.priorityOf(nice);
    if (priority !== Math.trunc(priority) || Math.abs(priority) >= 2 ** 31)
      throw new TypeError(`priorityOf(${String(nice)}) is ${String(priority)}, not a 32-bit integer`);
    priorities.push(priority);
  }
  return priorities;
}

function contained(profile: string, call: string, error: unknown): VmmschedError {
  if (isVmmschedError(error)) return error;
  const message = `guest profile ${profile} failed in ${call}: ${messageOf(error)}`;
  return new VmmschedError("ERR_PROFILE_FAILED", message, { profile }, { cause: error });
}

import { formatVa, type Domain, type GuestKernel } from "vmmsched/plugin-api";
import { capabilities } from "./capabilities.js";
import { basePriorityOf } from "./edit/base-priority.js";
import { identify, type IdentifiedKernel } from "./identify/identify.js";
import { pdbKey } from "./layout-file.js";
import { Processes } from "./processes/processes.js";
import { windowsEdits } from "./windows-edits.js";
import { WindowsKernel, type WindowsMeans } from "./windows-kernel.js";

/**
 * Recognises Windows, finds out which build it is, and searches all of RAM for its processes: from then on it knows those too
 * that hide. Undefined where it is something else. Throws ERR_GUEST_UNSUPPORTED for a build that no layout is right for, and
 * ERR_GUEST_CORRUPT where RAM is full of fakes.
 */
export async function attach(
  domain: Domain,
  _options: unknown,
  layouts: ReadonlyMap<string, unknown>,
): Promise<GuestKernel | undefined> {
  const found = await identify(domain, layouts);
  if (found === undefined) return undefined;
  const processes = new Processes(domain, found);
  await processes.searchAll();
  const means = meansOf(domain, found);
  const description = {
    os: "windows",
    version: found.version,
    ...(found.pdb === undefined ? {} : { buildId: pdbKey(found.pdb) }),
    boot: bootName(found),
    evidence: [...found.evidence, found.space.paging.name],
    capabilities: capabilities(means),
  };
  return new WindowsKernel(
    description,
    domain,
    found,
    processes,
    typeof means === "string" ? undefined : means,
  );
}

/** How the guest's threads are edited, or why they are not. */
function meansOf(domain: Domain, found: IdentifiedKernel): WindowsMeans | string {
  const edits = windowsEdits(found, domain);
  return typeof edits === "string" ? edits : { edits, priorityOf: basePriorityOf };
}

/** Where the kernel lies, and where its System process does and when (100 ns) it was created: no other boot has all three. */
function bootName({ space, base, system, layout }: IdentifiedKernel): string {
  const created = space.u64(system, layout.EPROCESS.CreateTime);
  return `${formatVa(base)} ${formatVa(system)} ${String(created)}`;
}

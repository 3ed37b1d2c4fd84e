import { suggestion } from "../../config/wording.js";
import { VmmschedError } from "../../errors.js";
import { escapeControls } from "../../escape.js";
import type { ProcessSnapshot } from "../../policy.js";
import type { ManagedDomain } from "../managed-domain.js";

/** How many of several are named in a message. Guests choose names, and a message may have several lines: a name has none. */
const mostNamed = 5;

/** The domain with this name, id or uuid. Throws ERR_DOMAIN_UNKNOWN or ERR_DOMAIN_AMBIGUOUS. */
export function findDomain(domains: readonly ManagedDomain[], wanted: string): ManagedDomain {
  const found = domains.filter(
    ({ info }) => info.name === wanted || String(info.id) === wanted || info.uuid === wanted,
  );
  const [domain] = found;
  if (domain !== undefined && found.length === 1) return domain;
  if (domain !== undefined)
    throw new VmmschedError(
      "ERR_DOMAIN_AMBIGUOUS",
      `${JSON.stringify(wanted)} is the name or id of ${found.length} domains; give the uuid: ${found.map(titleOf).join(", ")}`,
    );
  const names = domains.map(({ info }) => escapeControls(info.name));
  throw new VmmschedError(
    "ERR_DOMAIN_UNKNOWN",
    `there is no domain with the name, id or uuid ${JSON.stringify(wanted)}${suggestion(wanted, names)}; there are: ${domains.map(titleOf).join(", ") || "none"}`,
  );
}

/** Processes with this id in a domain: one as a rule, of which a hidden one may be another. Throws ERR_PROCESS_UNKNOWN. */
export function findProcesses(
  domain: ManagedDomain,
  processes: readonly ProcessSnapshot[],
  wanted: string,
): readonly ProcessSnapshot[] {
  const found = processes.filter(({ pid }) => String(pid) === wanted);
  if (found.length > 0) return found;
  throw new VmmschedError("ERR_PROCESS_UNKNOWN", escapeControls(messageFor(domain, processes, wanted)));
}

function messageFor(
  { info, managed, reason }: ManagedDomain,
  processes: readonly ProcessSnapshot[],
  wanted: string,
): string {
  if (!managed)
    return `nothing is known of the processes in ${info.name}: ${reason || "its task lists could not be read in the last tick"}`;
  const none = `there is no process with the id ${wanted} in ${info.name}`;
  const owner = processes.find(({ threads }) => threads.some(({ id }) => String(id) === wanted));
  if (owner !== undefined) return `${none}; it is a thread of ${named([owner])}`;
  const namesakes = processes.filter(({ name }) => name === wanted);
  if (namesakes.length > 0) return `${none}, but with that name: ${named(namesakes)}`;
  const id = Number(wanted);
  if (!Number.isInteger(id))
    return `${none}${suggestion(
      wanted,
      processes.map(({ name }) => name),
    )}; give a process id`;
  const nearest = [...processes].sort((one, other) => Math.abs(one.pid - id) - Math.abs(other.pid - id));
  return `${none}; the nearest are ${named(nearest.slice(0, mostNamed))}`;
}

function named(processes: readonly ProcessSnapshot[]): string {
  const names = processes.slice(0, mostNamed).map(({ pid, name }) => `${String(pid)} (${name})`);
  return [...names, ...(processes.length > mostNamed ? ["..."] : [])].join(", ");
}

function titleOf({ info }: ManagedDomain): string {
  return `${escapeControls(info.name)} (${String(info.id)}, ${info.uuid})`;
}

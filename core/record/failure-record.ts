import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../errors.js";
import { Wishes } from "../policies/policies.js";
import { HostColumns, type HostBuffers } from "../snapshot/host-columns.js";
import { captureTick } from "./frame.js";
import { captureState } from "./policy-state.js";
import type { RecordStart } from "./record-content.js";
import { RecordWriter } from "./record-writer.js";

/** A policy that failed, and all that is known of it. */
export interface FailedPolicy {
  readonly policy: string;
  readonly version: string;
  readonly hash?: string;
  readonly options: unknown;
  readonly error: string;
  readonly stack?: string;
  /** The snapshot that it was asked about. */
  readonly host?: HostBuffers;
  readonly state?: unknown;
}

/** Older records of the same policy are removed. */
const keptPerPolicy = 10;

const noQueueLimit = Number.POSITIVE_INFINITY;

/**
 * Keeps a failure as a record of one tick in `directory`. Never throws: trouble with the disk is returned. Names and
 * arguments of guests are in it, so it is readable by its owner alone.
 */
export function writeFailure(
  directory: string,
  start: Omit<RecordStart, "startedAt" | "capacity">,
  failed: FailedPolicy,
): { readonly file: string } | { readonly problem: string } {
  const at = new Date().toISOString();
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const name = `${safe(failed.policy)}-${at.replaceAll(/[-:.]/g, "")}`;
    const file = join(directory, `${freeName(name, readdirSync(directory))}${extension}`);
    const partial = `${file}.partial`;
    writeFileSync(partial, recordOf({ ...start, startedAt: at }, failed), { mode: 0o600 });
    renameSync(partial, file);
    removeOld(directory, failed.policy);
    return { file };
  } catch (error) {
    return { problem: `the failure could not be kept in ${directory}: ${messageOf(error)}` };
  }
}

const extension = ".vmmrec";

function recordOf(
  start: Omit<RecordStart, "capacity">,
  { policy, version, hash, options, error, stack, host, state }: FailedPolicy,
): Buffer {
  const columns = host && new HostColumns(host);
  const capacity = Math.max(1, columns?.taskCount ?? 0);
  const writer = new RecordWriter({ ...start, capacity }, noQueueLimit);
  const known = { policy, version, ...(hash === undefined ? {} : { hash }) };
  writer.policyStarted({ ...known, options, state: captureState(state) });
  if (columns !== undefined)
    writer.frame(captureTick(columns, [{ policy, wishes: undefined }], new Wishes(capacity)));
  writer.policyFailed({ policy, version, error, ...(stack === undefined ? {} : { stack }) });
  writer.end("a policy failed");
  return writer.stream.read() as Buffer;
}

/** `name`, or `name-2`, `name-3`... when two fail in the same millisecond. */
function freeName(name: string, taken: readonly string[]): string {
  let free = name;
  for (let n = 2; taken.includes(`${free}${extension}`); n++) free = `${name}-${n}`;
  return free;
}

function removeOld(directory: string, policy: string): void {
  const ours = new RegExp(`^${safe(policy)}-(\\d{8}T\\d{9}Z)(?:-(\\d+))?\\.vmmrec$`);
  const records = readdirSync(directory).flatMap((name) => {
    const [, time = "", number = "1"] = ours.exec(name) ?? [];
    return time === "" ? [] : [{ name, time, number: Number(number) }];
  });
  records.sort((a, b) => (a.time === b.time ? a.number - b.number : a.time < b.time ? -1 : 1));
  for (const { name } of records.slice(0, -keptPerPolicy)) rmSync(join(directory, name), { force: true });
}

/** Names of policies have no other characters; this is the last place to rely on it. */
function safe(policy: string): string {
  return policy.replaceAll(/[^a-z0-9-]/g, "_");
}

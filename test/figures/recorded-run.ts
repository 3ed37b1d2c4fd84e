import type { Policies, Wishes } from "../../core/policies/policies.js";
import { Questioner } from "../../core/policies/answer.js";
import type { ConfiguredPolicy } from "../../core/plugins/configure.js";
import { captureTick } from "../../core/record/frame.js";
import { captureState } from "../../core/record/policy-state.js";
import { privateWishes } from "../../core/record/record-reader.js";
import { RecordWriter } from "../../core/record/record-writer.js";
import { saveRecord, type SavedRecord } from "../../core/record/save-record.js";
import type { HostColumns } from "../../core/snapshot/host-columns.js";
import { SimulatedHost } from "../../native/simulated/index.js";
import { intervalNs, linuxProfile, ScheduledHost, windowsProfile } from "../core/cycle/scheduled-host.js";
import type { Experiment } from "./experiments.js";

const capacity = 2048;

/** Policies in this thread, asked one after the other, with a record of every tick. */
class RecordedPolicies implements Policies {
  readonly writer = new RecordWriter(
    {
      vmmsched: "simulated",
      startedAt: "1970-01-01T00:00:00.000Z",
      intervalNs,
      driver: "simulated",
      capacity,
    },
    Number.POSITIVE_INFINITY,
  );
  readonly #questioner: Questioner;
  readonly #running;

  constructor(
    private readonly columns: HostColumns,
    policies: readonly ConfiguredPolicy[],
  ) {
    this.#questioner = new Questioner(columns);
    this.#running = policies.map(({ name, policy, options }) => {
      const state = policy.init?.(options);
      this.writer.policyStarted({ policy: name, version: "1.0.0", options, state: captureState(state) });
      return { name, policy, options, state, wishes: privateWishes(capacity) };
    });
  }

  decide(into: Wishes): void {
    const { taskCount, domainCount } = this.columns;
    into.clear(taskCount);
    for (const { name, policy, options, state, wishes } of this.#running) {
      this.#questioner.ask(policy, options, state, wishes);
      into.add(name, wishes, taskCount, domainCount);
    }
    const answers = this.#running.map(({ name, wishes }) => ({ policy: name, wishes }));
    this.writer.frame(captureTick(this.columns, answers, into));
  }
}

/**
 * Runs an experiment on a simulated host, in its own time, and writes its record as `vmmsched record` would. The same
 * experiment gives the same bytes. Throws what the guests' kernels complain about.
 */
export async function recordRun(
  { domains, pcpuCount, policies, seconds }: Experiment,
  file: string,
): Promise<SavedRecord> {
  const host = new SimulatedHost({ domains, seed: 1, lockProbability: 0.05, pcpuCount });
  let recorded: RecordedPolicies | undefined;
  const scheduled = new ScheduledHost({
    ...{ domains, host, profiles: [linuxProfile, windowsProfile] },
    policies: (columns) => (recorded = new RecordedPolicies(columns, policies)),
  });
  await scheduled.attach();
  await scheduled.run((seconds * 1e9) / intervalNs);
  const complaints = scheduled.complaints();
  if (complaints.length > 0) throw new Error(complaints.join("\n"));
  if (recorded === undefined) throw new Error("the scheduler has asked for no policies");
  recorded.writer.end("the experiment is over");
  return saveRecord(recorded.writer.stream, file, { overwrite: true, signal: new AbortController().signal });
}

import { Command, InvalidArgumentError } from "commander";
import { messageOf } from "../errors.js";
import type { Replay, ReplayedTick } from "../record/replay.js";
import type { ReplaySummary } from "../record/replay-summary.js";
import type { CommandBuilder } from "./command.js";
import { ReplayTable, summaryText } from "./replay-table.js";
import { jsonLine, printable, type Terminal } from "./terminal.js";

const examples = `
Each line is a change: + the policy would hold the process now and did not then, - it would let it go and held
it then, = the same. Where the record has no policy of this name, it is compared with what all policies
together wished.

Exit code 1 when the policy wishes something else than it did, or fails; 0 when it does not, or is not in the
record.

Examples:
  vmmsched replay today.vmmrec --policy idle-only
  vmmsched replay today.vmmrec --policy ./my-policy --ticks 100..200
  vmmsched replay today.vmmrec --policy idle-only --json | jq 'select(.kind == "summary")'`;

interface ReplayOptions {
  readonly policy: string;
  readonly options?: object;
  readonly json?: true;
  readonly ticks?: TickRange;
}

interface TickRange {
  readonly from: number;
  readonly to: number;
}

/** `vmmsched replay`: what would a policy have wished? */
export const replayCommand: CommandBuilder = (composition, terminal, finish) =>
  new Command("replay")
    .description("Ask a policy about a recorded host, and compare its wishes with the recorded ones")
    .argument("<file>", "record, by vmmsched record or of a failure")
    .requiredOption("--policy <folder>", "folder of the policy, or the name of one that comes along")
    .option("--options <json>", "other options than the recorded ones", jsonObject)
    .option("--ticks <from..to>", "show and compare these ticks only", tickRange)
    .option("--json", "print JSON, one object a line")
    .addHelpText("after", examples)
    .action(async (file: string, options: ReplayOptions) => {
      const { RecordReader } = await import("../record/record-reader.js");
      const { Replay } = await import("../record/replay.js");
      await using reader = await RecordReader.open(file);
      const loaded = await composition.policy(options.policy);
      const replay = new Replay(reader, loaded, options.options);
      const summary = await show(replay, options, terminal);
      for (const notice of [...reader.notices, ...replay.notices])
        terminal.stderr(`vmmsched: ${printable(notice)}\n`);
      const { name, version } = loaded.manifest;
      if (options.json) terminal.stdout(`${jsonLine(summaryJson(summary, replay, { name, version }))}\n`);
      else terminal.stdout(summaryText(summary, { name, version }, replay.recorded?.version));
      const mattered = replay.recorded !== undefined || summary.failedTicks > 0;
      finish(mattered && summary.differingTicks > 0 ? 1 : 0);
    });

/** Every tick is asked about, so that the policy's state is right; only those in range are shown and counted. */
async function show(
  replay: Replay,
  { json, ticks }: ReplayOptions,
  terminal: Terminal,
): Promise<ReplaySummary> {
  const { ReplaySummary } = await import("../record/replay-summary.js");
  const summary = new ReplaySummary();
  const table = new ReplayTable();
  let startNs: number | undefined;
  for await (const item of replay.items()) {
    if (item.kind === "failure") {
      terminal.stdout(json ? `${jsonLine({ schema: 1, ...item })}\n` : table.failure(item.failure));
      continue;
    }
    startNs ??= item.timeNs;
    if (ticks !== undefined && item.number < ticks.from) continue;
    if (ticks !== undefined && item.number > ticks.to) break;
    summary.add(item);
    terminal.stdout(json ? `${jsonLine(tickJson(item, startNs))}\n` : table.tick(item, startNs));
  }
  return summary;
}

function tickJson({ number, timeNs, ...rest }: ReplayedTick, startNs: number): object {
  return { schema: 1, ...rest, tick: number, sinceStartNs: timeNs - startNs };
}

function summaryJson(summary: ReplaySummary, { recorded }: Replay, policy: object): object {
  const { ticks, comparedTicks, unansweredTicks, failedTicks, differingTicks } = summary;
  return {
    schema: 1,
    kind: "summary",
    policy,
    ...(recorded === undefined ? {} : { recorded: { name: recorded.policy, version: recorded.version } }),
    ...{ ticks, comparedTicks, unansweredTicks, failedTicks, differingTicks },
    firstDifferingTick: summary.firstDifferingTick ?? null,
    processes: summary.processes,
    complete: summary.complete,
  };
}

function jsonObject(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InvalidArgumentError(`It is not JSON: ${messageOf(error)}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new InvalidArgumentError('Give a JSON object, such as {"idleTicks": 2}.');
  return value;
}

function tickRange(text: string): TickRange {
  const [, from = "", to = ""] = /^(\d*)\.\.(\d*)$/.exec(text) ?? [];
  const range = { from: Number(from), to: to === "" ? Number.POSITIVE_INFINITY : Number(to) };
  if (from + to === "" || range.to < range.from)
    throw new InvalidArgumentError("Give numbers of ticks, the first is 0: 100..200, 100.. or ..200");
  return range;
}

import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { count, type CommandBuilder } from "./command.js";
import { DemoRecord } from "./demo-record.js";
import { legend, timeline, type TimelineStyle } from "./demo-timeline.js";
import {
  promise,
  ratio,
  reactionIntervals,
  verdicts,
  type ProcessVerdict,
  type Share,
} from "./demo-verdict.js";
import { printable, type Terminal } from "./terminal.js";

const examples = `
It needs no hypervisor and no root. Exit code 0 when the policy kept its promise, by the guests' own CPU
counters, and no guest complained; 1 otherwise.

Examples:
  vmmsched demo
  vmmsched demo --seconds 30 --no-color`;

const columns = 70;
/** Wall-clock time that a live timeline takes at most; one that nobody watches takes as little as it can. */
const longestShowMs = 20_000;

interface DemoOptions {
  readonly seconds: number;
  readonly color: boolean;
}

/** `vmmsched demo`: the real scheduler and the idle-only policy on a simulated host. */
export const demoCommand: CommandBuilder = (composition, terminal, finish) =>
  new Command("demo")
    .description("Show the idle-only policy at work on a simulated host")
    .option("--seconds <n>", "guest time to show", count, 14)
    .option("--no-color", "no colours")
    .addHelpText("after", examples)
    .action(async (options: DemoOptions) => {
      using host = await composition.demoHost();
      const record = new DemoRecord(host);
      await show(record, options, terminal);
      const judged = verdicts(record.processes, record.ticksPerInterval);
      const complaints = host.guestComplaints();
      terminal.stdout(verdictText(judged, complaints, host.tickNs));
      finish(judged.length > 0 && judged.every((each) => each.kept) && complaints.length === 0 ? 0 : 1);
    });

/** Lets the host run, repainting the timeline slot by slot on a terminal and printing it once elsewhere. */
async function show(record: DemoRecord, options: DemoOptions, terminal: Terminal): Promise<void> {
  const intervals = Math.ceil((options.seconds * 1e9) / record.host.intervalNs);
  const intervalsPerSlot = Math.ceil(intervals / columns);
  const style: TimelineStyle = {
    colour: terminal.interactive && options.color && process.env.NO_COLOR === undefined,
    intervalsPerSlot,
    slots: Math.ceil(intervals / intervalsPerSlot),
    ticksPerInterval: record.ticksPerInterval,
    intervalNs: record.host.intervalNs,
  };
  const slotMs = Math.min((intervalsPerSlot * record.host.intervalNs) / 1e6, longestShowMs / style.slots);
  terminal.stdout("Background processes run only while every other domain is idle (policy idle-only).\n");
  terminal.stdout(`${legend}\n`);
  for (let slot = 0; slot < style.slots; slot++) {
    for (let i = 0; i < intervalsPerSlot; i++) await record.advance();
    if (!terminal.interactive) continue;
    const up = slot === 0 ? "" : `\u001b[${String(record.processes.length + 1)}A`;
    terminal.stdout(up + timeline(record.processes, style));
    await sleep(slotMs);
  }
  if (!terminal.interactive) terminal.stdout(timeline(record.processes, style));
}

function verdictText(
  judged: readonly ProcessVerdict[],
  complaints: readonly string[],
  tickNs: number,
): string {
  const kept = judged.length > 0 && judged.every((each) => each.kept) && complaints.length === 0;
  const lines = [
    "",
    `By the guests' own counters (ticks of ${String(tickNs / 1e6)} ms), from ${reactionIntervals} intervals after each change:`,
    ...judged.flatMap(({ domain, process, whileBusy, whileIdle }) => [
      `  ${printable(`${domain} ${process}`)}`,
      `    while others were busy: ${shareText(whileBusy)}; at most ${percent(promise.whileBusyAtMost)} allowed`,
      `    while others were idle: ${shareText(whileIdle)}; at least ${percent(promise.whileIdleAtLeast)} promised`,
    ]),
    `Complaints of the guests' kernels: ${complaints.length === 0 ? "none" : complaints.length}`,
    ...complaints.map((complaint) => `  ${printable(complaint)}`),
    `Verdict: the policy ${kept ? "held" : "did not hold"}.`,
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function shareText(share: Share): string {
  if (share.available === 0) return "no such interval was seen (give more --seconds)";
  return `${share.gained} of ${share.available} ticks (${percent(ratio(share))})`;
}

function percent(value: number): string {
  return `${String(Number((100 * value).toFixed(1)))} %`;
}

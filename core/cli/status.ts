import { Command } from "commander";
import type { StatusReport } from "../control/status-report.js";
import type { DomainStatusReport } from "../cycle/scheduler-status.js";
import { shareText } from "../share.js";
import type { CommandBuilder } from "./command.js";
import { connectScheduler, withConnectionOptions, type ConnectionOptions } from "./plugins/connection.js";
import { jsonLine, printable } from "./terminal.js";

const examples = `
Examples:
  vmmsched status
  vmmsched status --json | jq .heldCount`;

/** `vmmsched status`: how the running scheduler is doing. */
export const statusCommand: CommandBuilder = (composition, terminal) =>
  withConnectionOptions(new Command("status"))
    .description("Show how the running scheduler is doing: ticks, domains, what is held or changed, pauses")
    .addHelpText("after", examples)
    .action(async (options: ConnectionOptions) => {
      using client = await connectScheduler(composition, options);
      const report = (await client.call("scheduler.status")) as StatusReport;
      terminal.stdout(options.json ? `${jsonLine(report)}\n` : statusPage(report));
    });

function statusPage({
  ticks,
  missedTicks,
  intervalNs,
  policies,
  domains,
  held,
  heldCount,
  priorityCount,
  priorities,
  shareCount,
  pauses,
  process,
}: StatusReport): string {
  const ms = (ns: number) => (ns / 1e6).toFixed(2);
  const lines = [
    `up ${String(process.uptimeSeconds)} s (pid ${String(process.pid)}), ${String(ticks)} ticks, ${String(missedTicks)} missed, one every ${String(intervalNs / 1e6)} ms`,
    `policies in force: ${policies.length === 0 ? "none" : policies.join(", ")}`,
    pauses === undefined
      ? "pauses: none"
      : `pauses: ${String(pauses.count)}, together ${ms(pauses.totalNs)} ms; ms: p50 ${ms(pauses.p50Ns)}, p99 ${ms(pauses.p99Ns)}, longest ${ms(pauses.maxNs)}; ${String(pauses.overruns)} over budget`,
    "domains:",
    ...domains.map(
      ({ name, id, managed, profile, reason }) =>
        `  ${printable(name)} (${String(id)}): ${managed ? `managed by ${profile ?? "?"}` : `unmanaged: ${printable(reason ?? "")}`}`,
    ),
    ...domains.flatMap(({ name, managed, complaint }) =>
      complaint === undefined || !managed
        ? []
        : [`  ${printable(name)} is being released, its guest complained: ${printable(complaint)}`],
    ),
    ...domains.flatMap(({ name, lostSay }) =>
      lostSay === undefined
        ? []
        : [`  ${printable(name)} has no say for ${String(lostSay.seconds)} s: ${printable(lostSay.reason)}`],
    ),
    `changed shares: ${String(shareCount)}`,
    ...domains.flatMap(shareLines),
    `held threads: ${String(heldCount)}`,
    ...held.map(
      ({ domain, pid, tid, name }) =>
        `  ${printable(domain)} ${printable(name)} ${String(pid)}/${String(tid)}`,
    ),
    `changed priorities: ${String(priorityCount)}`,
    ...priorities.map(
      ({ domain, pid, tid, name, priority, own }) =>
        `  ${printable(domain)} ${printable(name)} ${String(pid)}/${String(tid)}: ${String(priority)}, its own is ${String(own)}`,
    ),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function shareLines({ name, share, ownShare, shareProblem }: DomainStatusReport): readonly string[] {
  return [
    ...(ownShare === undefined
      ? []
      : [
          `  ${printable(name)}: ${share === undefined ? "not readable" : shareText(share)}; its own is ${shareText(ownShare)}`,
        ]),
    ...(shareProblem === undefined ? [] : [`  ${printable(name)} cannot be set: ${printable(shareProblem)}`]),
  ];
}

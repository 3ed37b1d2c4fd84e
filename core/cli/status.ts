import { Command } from "commander";
import type { StatusReport } from "../control/status-report.js";
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
    .description("Show how the running scheduler is doing: ticks, domains, what is held, pauses")
    .addHelpText("after", examples)
    .action(async (options: ConnectionOptions) => {
      using client = await connectScheduler(composition, options);
      const report = (await client.call("scheduler.status")) as StatusReport;
      terminal.stdout(options.json ? `${jsonLine(report)}\n` : statusPage(report));
    });

function statusPage({
  ticks,
  missedTicks,
  policies,
  domains,
  held,
  heldCount,
  pauses,
  process,
}: StatusReport): string {
  const ms = (ns: number) => (ns / 1e6).toFixed(2);
  const lines = [
    `up ${String(process.uptimeSeconds)} s (pid ${String(process.pid)}), ${String(ticks)} ticks, ${String(missedTicks)} missed`,
    `policies in force: ${policies.length === 0 ? "none" : policies.join(", ")}`,
    pauses === undefined
      ? "pauses: none"
      : `pauses: ${String(pauses.count)}; ms: p50 ${ms(pauses.p50Ns)}, p99 ${ms(pauses.p99Ns)}, longest ${ms(pauses.maxNs)}; ${String(pauses.overruns)} over budget`,
    "domains:",
    ...domains.map(
      ({ name, id, managed, profile, reason }) =>
        `  ${printable(name)} (${String(id)}): ${managed ? `managed by ${profile ?? "?"}` : `unmanaged: ${printable(reason ?? "")}`}`,
    ),
    `held threads: ${String(heldCount)}`,
    ...held.map(
      ({ domain, pid, tid, name }) =>
        `  ${printable(domain)} ${printable(name)} ${String(pid)}/${String(tid)}`,
    ),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

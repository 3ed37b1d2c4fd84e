import { Command } from "commander";
import type { RecoveryReport, UndoneChange } from "../cycle/recovery-report.js";
import { isVmmschedError } from "../errors.js";
import type { CommandBuilder } from "./command.js";
import { jsonLine, printable, wrapLines } from "./terminal.js";

/** Of a process that found a scheduler alive, and so did nothing. */
export const schedulerRunsExitCode = 3;

const examples = `
For when a scheduler was killed and none is to be started: one that starts does the same by itself. It can be
done again at any time. Exit code 0: nothing is left; 1: something is, and why is told; 3: a scheduler runs.

Examples:
  vmmsched recover -c /etc/vmmsched.yaml
  vmmsched recover --json | jq .left`;

/** `vmmsched recover`: puts right what a dead scheduler left. */
export const recoverCommand: CommandBuilder = (composition, terminal, finish) =>
  new Command("recover")
    .description("Release what a dead scheduler held, and give back priorities and shares that it changed")
    .option("-c, --config <file>", "configuration file (YAML) of that scheduler; its policies are not used")
    .option("--json", "print JSON (docs/recovery.schema.json)")
    .addHelpText("after", examples)
    .action(async (options: { readonly config?: string; readonly json?: true }) => {
      try {
        const report = await composition.recover(await composition.config(options.config));
        terminal.stdout(options.json ? `${jsonLine(report)}\n` : recoveryPage(report));
        if (!report.complete) finish(1);
      } catch (error) {
        if (!isVmmschedError(error, "ERR_SCHEDULER_RUNS")) throw error;
        terminal.stderr(`${wrapLines(`vmmsched: ${error.message}`)}\n`);
        finish(schedulerRunsExitCode);
      }
    });

function recoveryPage({ complete, undone, dropped, left, problems }: RecoveryReport): string {
  const lines = [
    ...undone.map((change) => `${printable(change.domain)}: ${whatWasDone(change)}`),
    ...dropped.map(({ domain, reason }) => `${printable(domain)}: dropped: ${printable(reason)}`),
    ...left.map(({ domain, what, pid, tid, name, reason }) => {
      const whose = name === undefined ? "" : ` of ${printable(name)} ${String(pid)}/${String(tid)}`;
      return `${printable(domain)}: LEFT: ${what}${whose}: ${printable(reason)}`;
    }),
    ...problems.map((problem) => `problem: ${printable(problem)}`),
    complete ? "nothing is held or changed" : "something is left",
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function whatWasDone(change: UndoneChange): string {
  if (change.what === "share") {
    const { weight, capPercent } = change.to;
    return `weight ${String(weight)} and ${capPercent === 0 ? "no cap" : `cap ${String(capPercent)} %`} given back`;
  }
  const task = `${printable(change.name)} ${String(change.pid)}/${String(change.tid)}`;
  return change.what === "release"
    ? `released ${task}`
    : `priority ${String(change.to)} given back to ${task}, which had ${String(change.from)}`;
}

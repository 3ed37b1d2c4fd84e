import { Command } from "commander";
import type { CommandBuilder } from "./command.js";
import type { Scheduler } from "./composition.js";

const examples = `
SIGINT or SIGTERM releases everything that is held and ends with exit code 0; a second signal does the same
without waiting for tasks that cannot be released at once.

Examples:
  vmmsched run -c /etc/vmmsched.yaml
  vmmsched run -c /etc/vmmsched.yaml --dry-run     what it would do`;

/** `vmmsched run`: schedules until it is told to stop. */
export const runCommand: CommandBuilder = (composition) =>
  new Command("run")
    .description("Schedule the guests' processes as the configured policies decide")
    .requiredOption("-c, --config <file>", "configuration file (YAML)")
    .option("--dry-run", "decide and log what would be done, but pause and write nothing")
    .addHelpText("after", examples)
    .action(async (options: { readonly config: string; readonly dryRun?: true }) => {
      const scheduler = await composition.scheduler(options.config, { dryRun: options.dryRun === true });
      stopOnSignals(scheduler);
      await scheduler.start();
      await scheduler.ended;
    });

/**
 * The first signal stops gracefully, every further one fast. It goes on listening to the very end: a second signal that
 * comes when everything is released already must not look like a death.
 */
function stopOnSignals(scheduler: Scheduler): void {
  let seen = 0;
  const stop = () => {
    seen++;
    // What goes wrong while stopping is told by `ended`.
    scheduler.stop(seen === 1 ? "graceful" : "fast").catch(() => undefined);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
}

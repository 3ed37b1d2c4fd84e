import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { runTests } from "../run-tests.js";
import { XenLab } from "./lab.js";

const usage = `usage: run.js [FILTER...]     run the lab tests (files whose name contains a FILTER)
       run.js STEP...         restore the lab, carry out the steps in order, end it
  steps: --exec COMMAND       run a line of sh in Dom0 (the code under test is in /opt/vmmsched)
         --guest NAME COMMAND send a line to a guest's console (start, stop, report, proclist, echo, dmesg,
                              adjust)
         --sleep SECONDS
         --console NAME       print a guest's console
  guests running: pv1, pv2, pvh1; to create: xl create /opt/lab/{pv3,pvh2,odd1}.cfg
  in Dom0: guest-send NAME LINE; guest-clock NAME [align] compares (sets) a guest's clock`;

type Step = (lab: XenLab) => Promise<number>;

/** Time for one --exec: as long as a person or a script would wait. */
const execTimeoutMs = 900_000;

function step(name: string, value: string, extra: string | undefined): Step {
  switch (name) {
    case "exec":
      return async (lab) => {
        const result = await lab.dom0.run(`cd /opt/vmmsched; ${value}`, {
          timeoutMs: execTimeoutMs,
          mayFail: true,
        });
        process.stdout.write(result.stdout);
        process.stderr.write(result.stderr);
        return result.code;
      };
    case "guest":
      return async (lab) => {
        await lab.guest(value).send(extra ?? "");
        return 0;
      };
    case "sleep":
      return async () => {
        await sleep(Number(value) * 1000);
        return 0;
      };
    default:
      return async (lab) => {
        const { lines } = await lab.guest(value).lines();
        process.stdout.write(lines.map((line) => `${line}\n`).join(""));
        return 0;
      };
  }
}

/** The steps in the order of the command line, and what else was on it. */
function readArguments(args: string[]): { steps: Step[]; others: string[] } {
  const text = { type: "string", multiple: true } as const;
  const options = { exec: text, guest: text, sleep: text, console: text } as const;
  const { tokens } = parseArgs({ args, options, allowPositionals: true, tokens: true });
  const steps: Step[] = [];
  const others: string[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (token?.kind === "positional") others.push(token.value);
    if (token?.kind !== "option") continue;
    const next = tokens[i + 1];
    const takesNext = token.name === "guest" && next?.kind === "positional";
    if (token.name === "guest" && !takesNext) throw new Error(`--guest needs NAME and COMMAND\n${usage}`);
    steps.push(step(token.name, token.value, takesNext ? next.value : undefined));
    if (takesNext) i++;
  }
  return { steps, others };
}

async function carryOut(steps: readonly Step[]): Promise<number> {
  await using lab = await XenLab.restore({ name: "manual" });
  let worst = 0;
  for (const each of steps) worst = Math.max(worst, await each(lab));
  return worst;
}

async function main(): Promise<number> {
  if (process.argv.includes("--help")) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const { steps, others } = readArguments(process.argv.slice(2));
  if (steps.length === 0) return runTests(dirname(fileURLToPath(import.meta.url)), others);
  if (others.length > 0) throw new Error(`not understood: ${others.join(" ")}\n${usage}`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));
  return carryOut(steps);
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

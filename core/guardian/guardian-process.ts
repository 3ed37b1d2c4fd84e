import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../log.js";
import { Guardian } from "./guardian.js";
import { MappedFile } from "./mapped-file.js";
import { orphanedPages, removePage } from "./page-file.js";
import { GuardianPage, monotonicNs, pageBytes } from "./page.js";
import type { Payer } from "./payer.js";

/** What the guardian's process is told when it is started. */
export interface GuardianOrder {
  readonly directory: string;
  readonly page: string;
  readonly scheduler: number;
  readonly hardLimitMs: number;
  /** How long after the scheduler's death it starts `recover`; undefined where it does not. */
  readonly recovery?: { readonly afterMs: number; readonly command: readonly string[] };
}

const lookEveryMs = 10;
/** A scheduler that has died may leave a domain that cannot be reached: this is how long it is tried. */
const patienceNs = 60e9;

/** The guardian's process: looks at the page until the scheduler has ended and nothing is owed. */
export async function guard(order: GuardianOrder, payer: Payer, log: Log): Promise<void> {
  const file = new MappedFile(order.page, pageBytes);
  // One that was replaced has to be dead before this one pays anything.
  while (!file.lock()) await sleep(lookEveryMs);
  const page = new GuardianPage(file.buffer);
  const scheduler = { dead: false };
  process.stdin.on("end", () => (scheduler.dead = true)).on("error", () => (scheduler.dead = true));
  process.stdin.resume();
  const kill = () => {
    // Its number may be another's as soon as it is not our parent any more.
    if (process.ppid === order.scheduler) process.kill(order.scheduler, "SIGKILL");
  };
  const hardLimitNs = order.hardLimitMs * 1e6;
  payOrphans(order, payer, log);
  const guardian = new Guardian({ page, payer, log, hardLimitNs, kill });
  log.info({ event: "guardian-started", guardian: process.pid }, "a guardian watches over pauses");
  let diedNs = 0;
  for (;;) {
    const nowNs = monotonicNs();
    page.beat(process.pid, nowNs);
    if (scheduler.dead && diedNs === 0) {
      diedNs = nowNs;
      guardian.died(nowNs);
    }
    guardian.look(nowNs);
    if (guardian.finished || (scheduler.dead && nowNs - diedNs > patienceNs)) break;
    await sleep(lookEveryMs);
  }
  if (guardian.finished) removePage(file);
  else log.error({ event: "guardian-gave-up" }, "a domain may stay paused: it could not be reached");
  if (!page.goodbye && order.recovery !== undefined) await recover(order.recovery, log);
}

/** Debts of those who died together. */
function payOrphans({ directory, page, hardLimitMs }: GuardianOrder, payer: Payer, log: Log): void {
  for (const orphan of orphanedPages(directory, page, pageBytes)) {
    const hardLimitNs = hardLimitMs * 1e6;
    const parts = { page: new GuardianPage(orphan.buffer), payer, log, hardLimitNs, kill: () => undefined };
    const guardian = new Guardian(parts);
    guardian.died(0);
    // Once to find what there is, to pay, and to strike it off each.
    for (let look = 0; look < 4 && !guardian.finished; look++) guardian.look(monotonicNs());
    if (guardian.finished) removePage(orphan);
    else orphan[Symbol.dispose]();
  }
}

/** Where another scheduler has been started meanwhile, `recover` sees that and does nothing. */
async function recover(
  { afterMs, command }: NonNullable<GuardianOrder["recovery"]>,
  log: Log,
): Promise<void> {
  await sleep(afterMs);
  const [program = process.execPath, ...args] = command;
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"], detached: true });
  const code = await new Promise<number | null>((resolve) => {
    child.once("exit", resolve).once("error", () => resolve(null));
  });
  const facts = { event: "guardian-recovered", exitCode: code };
  if (code === 0) log.info(facts, "what the scheduler held has been released");
  else if (code === 3) log.info(facts, "another scheduler has taken over what the one before held");
  else log.error(facts, "what the scheduler held could not be released: see vmmsched recover");
}

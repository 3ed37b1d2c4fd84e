import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../log.js";
import { Guardian } from "./guardian.js";
import { MappedFile } from "./mapped-file.js";
import { orphanedPages, otherPages, removePage } from "./page-file.js";
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
/** And this is how long the next one is kept waiting for it. */
const orphanPatienceNs = 5e9;

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
  await settleOthers(order, payer, log, () => scheduler.dead);
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
  else {
    log.error({ event: "guardian-gave-up" }, "a domain may stay paused: it could not be reached");
    file[Symbol.dispose]();
  }
  if (!page.goodbye && order.recovery !== undefined) await recover(order.recovery, log);
}

/**
 * Pays what those owe who died together, and waits for guardians of schedulers before this one: while such a one looks whether its own
 * pauses it, it would take our pause of the same domain for that.
 */
async function settleOthers(
  { directory, page, hardLimitMs }: GuardianOrder,
  payer: Payer,
  log: Log,
  dead: () => boolean,
): Promise<void> {
  const guardians = new Map<MappedFile, Guardian>();
  const deadlineNs = monotonicNs() + orphanPatienceNs;
  while (!dead()) {
    for (const orphan of orphanedPages(directory, page, pageBytes)) {
      const parts = { page: new GuardianPage(orphan.buffer), payer, log, kill: () => undefined };
      const guardian = new Guardian({ ...parts, hardLimitNs: hardLimitMs * 1e6 });
      guardian.died(monotonicNs());
      guardians.set(orphan, guardian);
    }
    for (const [orphan, guardian] of guardians) {
      guardian.look(monotonicNs());
      if (!guardian.finished) continue;
      removePage(orphan);
      guardians.delete(orphan);
    }
    const foreign = otherPages(directory, page).length - guardians.size;
    if (foreign === 0 && (guardians.size === 0 || monotonicNs() > deadlineNs)) break;
    await sleep(lookEveryMs);
  }
  // What cannot be reached is left for the next one.
  for (const orphan of guardians.keys()) orphan[Symbol.dispose]();
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

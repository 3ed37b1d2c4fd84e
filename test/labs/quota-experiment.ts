import assert from "node:assert/strict";
import { cpuSamples, rate, type Window } from "./cpu-shares.js";
import type { Lab } from "./observe.js";
import { sleepMs } from "./vmmsched-log.js";

const windowSeconds = 30;
/** Until the first holds, whose debt the periods after them pay. */
const settlingSeconds = 3;
const reportMs = 100;

/** Shares of a CPU for one process, and by how many points they may be missed. */
export const quotaPercents: readonly number[] = (process.env.VMMSCHED_LAB_QUOTAS ?? "1,5,20,50,90")
  .split(",")
  .map(Number);
export const quotaPoints = 0.5;

/** One budget for several processes in two domains, each of which would use much more. */
export const sharedPercent = 30;
export const sharedPoints = 1;

/** A process in a domain, by the name of its workload. */
export interface Spender {
  readonly domain: string;
  readonly process: string;
}

/** One budget of so many percent of a CPU for all these together; under a name of its own, since debts go with the name. */
export function quotaPolicies(percent: number, spenders: readonly Spender[]): string {
  const patterns = spenders.map(({ domain, process }) => `{ domain: ${domain}, process: ${process} }`);
  return `
policies:
  - name: time-quota
    options:
      budgets:
        - name: ${String(percent)} percent
          processes: [${patterns.join(", ")}]
          limits: [{ percent: ${String(percent)} }]
`;
}

/** Has the guests tell what these have used, and starts them. */
export async function startSpenders(lab: Lab, spenders: readonly Spender[]): Promise<void> {
  for (const domain of new Set(spenders.map((each) => each.domain)))
    await lab.guest(domain).send(`report ${String(reportMs)}`);
  for (const { domain, process } of spenders)
    await lab.guest(domain).ask(`start ${process} burn`, new RegExp(`^STARTED ${process} `), 120_000);
}

/** Lets a new quota settle, then tells what the spenders use together, in percent of a CPU, by their guests' own accounting. */
export async function measureSpenders(lab: Lab, spenders: readonly Spender[]): Promise<number> {
  let together = 0;
  const windows = new Map<string, Window>();
  for (const { domain } of spenders) {
    const from = (await clockOf(lab, domain)) + settlingSeconds;
    windows.set(domain, { from, to: from + windowSeconds });
  }
  for (const { domain, process } of spenders) {
    const window = windows.get(domain);
    assert.ok(window !== undefined);
    const samples = async () => cpuSamples((await lab.guest(domain).lines()).lines, process);
    const deadline = performance.now() + 300_000;
    while (((await samples()).at(-1)?.realtime ?? 0) < window.to && performance.now() < deadline)
      await sleepMs(500);
    // Ticks of the guest's /proc: 100 a second.
    together += rate(await samples(), window);
  }
  return together;
}

/** The guest's clock now. */
export async function clockOf(lab: Lab, domain: string): Promise<number> {
  const [, realtime] = await lab.guest(domain).ask("echo now", /^ECHO now rt=([\d.]+)$/, 120_000);
  return Number(realtime);
}

import assert from "node:assert/strict";
import { readManifest } from "../../core/plugins/manifest.js";
import { randomHosts, type HostSketch, type ProcessSketch } from "../../core/testing.js";
import { Random } from "../../core/testing/random.js";
import type { Options as IdleOptions } from "../../plugins/idle-only/index.js";
import type { Options as QuotaOptions } from "../../plugins/time-quota/index.js";
import { inRepository } from "../repository.js";

/** CPU time that no clock makes: it leaps, and falls. */
const leapsMs = [-1e12, -1000, 0, 1, 1e12] as const;

/**
 * Hosts as {@link randomHosts} makes them, whose guests lie: CPU times leap and fall, parents are anybody, processes hide and
 * rename themselves. The host's own clock leaps, too, as that of another host does from which a state was taken over.
 */
export function hostileHosts(seed: number, ticks: number, names: readonly string[]): readonly HostSketch[] {
  const random = new Random(seed);
  const lie = (process: ProcessSketch): ProcessSketch => ({
    ...process,
    name: random.chance(0.1) ? random.pick(["cron", "init", "", ...names]) : process.name,
    ...(random.chance(0.2) ? { cpuPercent: random.pick(leapsMs) } : {}),
    ...(random.chance(0.2) ? { cpuMs: random.pick(leapsMs) } : {}),
    ...(random.chance(0.5) ? { parentPid: 100 + random.below(60) } : {}),
    ...(random.chance(0.1) ? { pid: 100 + random.below(60), startTimeMs: random.below(3) } : {}),
    ...(random.chance(0.3) ? { cgroup: "/a", argv0: "a", uid: random.below(3) } : {}),
    hidden: random.chance(0.1),
  });
  return randomHosts(seed, ticks, names).map((sketch) => ({
    ...sketch,
    timeMs: (sketch.timeMs ?? 0) + (random.chance(0.05) ? random.pick([-1e9, -500, 1e9]) : 0),
    cpuCount: random.below(5),
    localTime: `2026-0${String(1 + random.below(9))}-1${String(random.below(10))}T${random.pick(["00:00", "12:30", "23:59"])}`,
    domains: sketch.domains.map((domain) => ({
      ...domain,
      pausedMs: random.chance(0.3) ? random.below(50) : 0,
      processes: (domain.processes ?? []).map(lie),
    })),
  }));
}

/** Options as the operator gives them, with the defaults of the plugin's manifest filled in. */
export function withDefaults(plugin: "idle-only", options: object): IdleOptions;
export function withDefaults(plugin: "time-quota", options: object): QuotaOptions;
export function withDefaults(plugin: string, options: object): object {
  const given = structuredClone(options);
  const { checkOptions } = readManifest(inRepository(`plugins/${plugin}/plugin.json`));
  assert.deepEqual(checkOptions(given), []);
  return given;
}

/** What is wrong with these options, as an operator is told. */
export function problemsWith(plugin: string, options: object): readonly string[] {
  const { checkOptions } = readManifest(inRepository(`plugins/${plugin}/plugin.json`));
  return checkOptions(structuredClone(options)).map(({ path, text }) => `/${path.join("/")}: ${text}`);
}

/** Numbers in a state, wherever they are. Maps that grow have many. */
export function numbersIn(value: unknown): readonly number[] {
  if (typeof value === "number") return [value];
  if (value instanceof RegExp || typeof value !== "object" || value === null) return [];
  const parts = value instanceof Map ? [...value.values()] : Object.values(value);
  return parts.flatMap(numbersIn);
}

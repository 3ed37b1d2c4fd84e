import type { WorkFigures } from "./cycles.js";
import { appendResults, spreadOf, type HoldResult } from "./hold-results.js";
import type { QemuLab } from "./lab.js";
import type { Work } from "./works.js";

/** Of what configuration a result is. */
type About = Pick<HoldResult, "series" | "kernel" | "vcpus" | "method" | "wake">;

/** Adds the figures of works to the results of this run, and shows them. */
export async function record(
  lab: QemuLab,
  about: About,
  figures: readonly (readonly [Work, WorkFigures])[],
): Promise<void> {
  const results = figures.map(([work, each]) => resultOf(about, work, each));
  await appendResults(lab.folder, results);
  for (const result of results) process.stdout.write(`      ${shown(result)}\n`);
}

function resultOf(
  about: About,
  { name }: Work,
  { cycles, told, failures, holdMs, releaseMs, notNow }: WorkFigures,
): HoldResult {
  const [failure] = failures;
  return {
    ...about,
    work: name,
    cycles,
    told,
    ...(failure === undefined ? {} : { failure }),
    holdMs: spreadOf(holdMs),
    releaseMs: spreadOf(releaseMs),
    notNow: Object.fromEntries(notNow),
  };
}

function shown({ work, cycles, told, failure, holdMs, releaseMs, notNow }: HoldResult): string {
  const ms = ({ median, p95, most }: HoldResult["holdMs"]) =>
    `${String(median)}, ${String(p95)}, ${String(most)}`;
  const refused = Object.entries(notNow).map(([why, count]) => `${why} ${String(count)}`);
  return (
    `${work}: ${String(cycles)} cycles, ${String(told)} told by the guest; median, 95 % and most of ms until held ${ms(holdMs)}, ` +
    `until all ran again ${ms(releaseMs)}; not now: ${refused.join(", ") || "never"}` +
    (failure === undefined ? "" : `; FAILED: ${failure}`)
  );
}

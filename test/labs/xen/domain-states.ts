import type { XenLab } from "./lab.js";

/** The state column of `xl list` by the domain's name, for instance "-b----". */
export async function domainStates(lab: XenLab): Promise<ReadonlyMap<string, string>> {
  const { stdout } = await lab.dom0.run("xl list");
  const rows = stdout
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/));
  return new Map(rows.map(([name = "", , , , state = ""]) => [name, state]));
}

/** The domains that `xl list` shows as paused. */
export async function pausedDomains(lab: XenLab): Promise<readonly string[]> {
  return [...(await domainStates(lab))].filter(([, state]) => state.includes("p")).map(([name]) => name);
}

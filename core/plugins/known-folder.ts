import { basename } from "node:path";
import { VmmschedError, messageOf } from "../errors.js";
import { manifestName, readPluginSource, textOf, type PluginTrust } from "./plugin-source.js";
import { isPluginFolder } from "./search.js";
import { stagePlugin, type StagedPlugin } from "./stage.js";
import type { Staging } from "./staging.js";

/** How long what is found must last before it counts: half-written files mend themselves, and deleted ones come back. */
const patienceMs = { good: 0, broken: 150, missing: 300 } as const;

type Finding =
  | { readonly kind: "good"; readonly staged: StagedPlugin }
  | { readonly kind: "broken"; readonly problem: VmmschedError; readonly name: string }
  | { readonly kind: "missing" };

/** When content was refused, and how long after it was first seen. */
export interface Refusal {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly tookMs: number;
}

/** A folder of the search path: its last good version, and what is wrong with its newest content if that is not good. */
export class KnownFolder {
  #staged: StagedPlugin | undefined;
  #problem: VmmschedError | undefined;
  #refused: Refusal | undefined;
  #name: string;
  #pending: { readonly finding: Finding; readonly sinceMs: number } | undefined;

  constructor(
    readonly path: string,
    private readonly staging: Staging,
    private readonly trust: PluginTrust = "any",
  ) {
    this.#name = basename(path);
  }

  get staged(): StagedPlugin | undefined {
    return this.#staged;
  }

  get problem(): VmmschedError | undefined {
    return this.#problem;
  }

  /** When the problem was found, if there is one. */
  get refused(): Refusal | undefined {
    return this.#refused;
  }

  /** The plugin's name; where it never had one, the one that its manifest claims, or the folder's. */
  get name(): string {
    return this.#staged?.name ?? this.#name;
  }

  /** Every version that may still be accepted or used from here. */
  get versions(): readonly StagedPlugin[] {
    const pending = this.#pending?.finding;
    return [this.#staged, pending?.kind === "good" ? pending.staged : undefined].flatMap(
      (each) => each ?? [],
    );
  }

  /** Reads and checks the folder again. What is new only counts when it is accepted. */
  look(nowMs: number): void {
    const finding = examine(this.path, this.staging, this.trust);
    if (this.#isCurrent(finding)) this.#pending = undefined;
    else {
      const same = this.#pending !== undefined && sameFinding(this.#pending.finding, finding);
      this.#pending = { finding, sinceMs: same && this.#pending ? this.#pending.sinceMs : nowMs };
    }
  }

  /** Has something been found that is not accepted yet? */
  get pending(): boolean {
    return this.#pending !== undefined;
  }

  /** How long what is pending still has to last. */
  waitMs(nowMs: number): number {
    if (this.#pending === undefined) return 0;
    const { finding, sinceMs } = this.#pending;
    return Math.max(0, sinceMs + patienceMs[finding.kind] - nowMs);
  }

  /** Lets what was found last count. */
  accept(): void {
    if (this.#pending === undefined) return;
    const { finding, sinceMs } = this.#pending;
    this.#pending = undefined;
    if (finding.kind === "broken") {
      this.#problem = finding.problem;
      const tookMs = Math.round(performance.now() - sinceMs);
      this.#refused = { at: new Date().toISOString(), tookMs };
      this.#name = finding.name;
    } else {
      this.#staged = finding.kind === "good" ? finding.staged : undefined;
      this.#problem = this.#refused = undefined;
    }
  }

  #isCurrent(finding: Finding): boolean {
    switch (finding.kind) {
      case "good":
        return this.#problem === undefined && this.#staged?.hash === finding.staged.hash;
      case "broken":
        return this.#problem?.message === finding.problem.message;
      case "missing":
        return this.#problem === undefined && this.#staged === undefined;
    }
  }
}

function examine(folder: string, staging: Staging, trust: PluginTrust): Finding {
  if (!isPluginFolder(folder)) return { kind: "missing" };
  let name = basename(folder);
  try {
    const source = readPluginSource(folder, trust);
    name = claimedName(textOf(source, manifestName)) ?? name;
    return { kind: "good", staged: stagePlugin(source, staging) };
  } catch (error) {
    if (!isPluginFolder(folder)) return { kind: "missing" };
    return { kind: "broken", problem: asProblem(folder, error), name };
  }
}

function sameFinding(a: Finding, b: Finding): boolean {
  if (a.kind === "good") return b.kind === "good" && a.staged.hash === b.staged.hash;
  if (a.kind === "broken") return b.kind === "broken" && a.problem.message === b.problem.message;
  return b.kind === "missing";
}

function claimedName(manifest: string | undefined): string | undefined {
  try {
    const { name } = JSON.parse(manifest ?? "") as { readonly name?: unknown };
    return typeof name === "string" ? name : undefined;
  } catch {
    return undefined;
  }
}

/** Full disks and the like; they must not end who watches. */
function asProblem(folder: string, error: unknown): VmmschedError {
  if (error instanceof VmmschedError) return error;
  const message = `the plugin in ${folder} cannot be staged: ${messageOf(error)}`;
  return new VmmschedError("ERR_PLUGIN_INVALID", message, { folder }, { cause: error });
}

import { dirname } from "node:path";
import type { Log } from "../log.js";
import { isVmmschedError } from "../errors.js";
import { hashOfEffective, type EffectivePlugin } from "../plugins/configure.js";
import { tryProfile, type TrialLimits } from "../policies/profile-trial.js";
import type { CycleThreadCalls, ProfileToUse } from "./control-messages.js";
import type { ThreadLink } from "./thread-link.js";

type Problems = Readonly<Record<string, string>>;

/**
 * Decides which versions of guest profiles the thread of the cycle is given: only such as could be imported here before,
 * in a thread of their own, and those that come along. Of those that could not, the version before goes on.
 */
export class ProfileAdmission {
  #problems: Problems = {};
  #inUse: readonly ProfileToUse[] = [];
  #versions: ReadonlyMap<string, string> = new Map();
  /** Modules that have been imported without harm. */
  readonly #tried = new Set<string>();

  constructor(
    private readonly cycle: ThreadLink<CycleThreadCalls>,
    private readonly bundled: readonly string[],
    private readonly limits: TrialLimits,
    private readonly log: Log,
  ) {}

  /** Why a profile cannot be used, by name. */
  get problems(): Problems {
    return this.#problems;
  }

  /** Versions in force, by name. */
  get versions(): ReadonlyMap<string, string> {
    return this.#versions;
  }

  /** These are to be in force, and no others. Does nothing where they are the same as before. */
  async use(wanted: readonly EffectivePlugin[], before: readonly EffectivePlugin[]): Promise<void> {
    const known = new Set(before.map(hashOfEffective));
    if (wanted.length === known.size && wanted.every((each) => known.has(hashOfEffective(each)))) return;
    const refused: Record<string, string> = {};
    const admitted = await Promise.all(
      wanted.map(async (each) => {
        const problem = await this.#complaint(each);
        if (problem === undefined) return profileToUse(each);
        refused[each.plugin.name] = problem;
        return this.#inUse.find(({ name }) => name === each.plugin.name);
      }),
    );
    this.#inUse = admitted.filter((profile) => profile !== undefined);
    const problems = await this.cycle.call("useProfiles", [this.#inUse]);
    const versions = this.#inUse.flatMap(({ name, version }): readonly (readonly [string, string])[] => {
      const inForce = name in problems ? this.#versions.get(name) : version;
      return inForce === undefined ? [] : [[name, inForce]];
    });
    this.#versions = new Map(versions);
    this.#tell({ ...problems, ...refused });
  }

  async #complaint({ plugin }: EffectivePlugin): Promise<string | undefined> {
    if (this.#tried.has(plugin.entryUrl) || this.bundled.includes(dirname(plugin.folder))) return undefined;
    try {
      await tryProfile(plugin, this.limits);
      this.#tried.add(plugin.entryUrl);
      return undefined;
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
      return error.message;
    }
  }

  #tell(problems: Problems): void {
    for (const [plugin, error] of Object.entries(problems)) {
      if (this.#problems[plugin] !== error)
        this.log.error({ event: "plugin-refused", plugin, error }, "a guest profile cannot be loaded");
    }
    this.#problems = problems;
  }
}

function profileToUse(effective: EffectivePlugin): ProfileToUse {
  const { name, version, entryUrl, layouts } = effective.plugin;
  return { name, version, hash: hashOfEffective(effective), entryUrl, options: effective.options, layouts };
}

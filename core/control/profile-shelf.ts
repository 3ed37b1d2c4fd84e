import { isVmmschedError } from "../errors.js";
import type { ConfiguredProfile } from "../plugins/configure.js";
import { loadProfile } from "../plugins/load-profile.js";
import type { ProfileToUse } from "./control-messages.js";

/**
 * A profile comes here when it has been imported elsewhere, or is our own: now it is only slow, where the computer is. Ticks go
 * on meanwhile.
 */
const importWithinMs = 300_000;

/** The guest profiles of this thread. Node keeps every module that was ever imported, so each version is imported once. */
export class ProfileShelf {
  readonly #imported = new Map<string, ConfiguredProfile>();
  /** Names, by the URLs of the directories that they were imported from. */
  readonly #places = new Map<string, string>();
  #inUse: readonly ConfiguredProfile[] = [];
  /** Told of every change. */
  changed: (profiles: readonly ConfiguredProfile[]) => void = () => undefined;

  get profiles(): readonly ConfiguredProfile[] {
    return this.#inUse;
  }

  /** Name of the profile, of whatever version, that a stack leads through. */
  nameIn(stack: string): string | undefined {
    for (const [place, name] of this.#places) if (stack.includes(place)) return name;
    return undefined;
  }

  /** Uses these. Returns why some cannot be, by name: of those the version before goes on. */
  async use(wanted: readonly ProfileToUse[]): Promise<Readonly<Record<string, string>>> {
    const problems: Record<string, string> = {};
    const next: ConfiguredProfile[] = [];
    for (const one of wanted) {
      try {
        next.push(await this.#import(one));
      } catch (error) {
        if (!isVmmschedError(error)) throw error;
        problems[one.name] = error.message;
        next.push(...this.#inUse.filter(({ name }) => name === one.name));
      }
    }
    this.#inUse = next;
    this.changed(next);
    return problems;
  }

  async #import({
    name,
    version,
    hash,
    entryUrl,
    options,
    layouts,
  }: ProfileToUse): Promise<ConfiguredProfile> {
    const known = this.#imported.get(hash);
    if (known !== undefined) return known;
    this.#places.set(new URL(".", entryUrl).href, name);
    const profile = await loadProfile({ name, entryUrl }, importWithinMs);
    const configured = { name, version, hash, profile, options, layouts };
    this.#imported.set(hash, configured);
    return configured;
  }
}

/**
 * A predicate for names: `*` stands for any characters, `?` for one, everything else for itself. The whole name must
 * match, and case counts.
 */
export function glob(pattern: string): (name: string) => boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  const expression = new RegExp(`^${escaped.replace(/\*+/g, ".*").replaceAll("?", ".")}$`, "s");
  return (name) => expression.test(name);
}

/** A predicate for names that match any of `include` and none of `exclude`. */
export function globs(
  include: readonly string[],
  exclude: readonly string[] = [],
): (name: string) => boolean {
  const wanted = include.map(glob);
  const unwanted = exclude.map(glob);
  return (name) => wanted.some((matches) => matches(name)) && !unwanted.some((matches) => matches(name));
}

/** A shape of a red-black tree: which of the sorted items is where, in which colour. */
export interface Shape {
  readonly item: number;
  readonly red: boolean;
  readonly left: Shape | undefined;
  readonly right: Shape | undefined;
}

/** Fewest and most nodes of a tree with a black root (or none), by black height. */
const fewest = (height: number): number => 2 ** height - 1;
const most = (height: number): number => (height === 0 ? 0 : 1 + 2 * mostOfAny(height - 1));
const mostOfAny = (height: number): number => 1 + 2 * most(height);

/** Any red-black tree over items `from` to `to` - 1: every legal shape can come out. `pick(n)` is a number below n. */
export function randomTree(from: number, to: number, pick: (below: number) => number): Shape | undefined {
  const size = to - from;
  const heights = Array.from({ length: 24 }, (_, height) => height).filter(
    (height) => fewest(height) <= size && size <= most(height),
  );
  return build(from, to, heights[pick(heights.length)] ?? 0, false, pick);
}

function build(
  from: number,
  to: number,
  height: number,
  mayBeRed: boolean,
  pick: (below: number) => number,
): Shape | undefined {
  const size = to - from;
  const canBeBlack = fewest(height) <= size && size <= most(height);
  const canBeRed = mayBeRed && size >= 1 + 2 * fewest(height) && size <= mostOfAny(height);
  const red = canBeRed && (!canBeBlack || pick(2) === 0);
  if (size === 0) return undefined;
  const below = red ? height : height - 1;
  const largest = red ? most(below) : mostOfAny(below);
  const low = Math.max(fewest(below), size - 1 - largest);
  const high = Math.min(largest, size - 1 - fewest(below));
  const item = from + low + pick(high - low + 1);
  return {
    item,
    red,
    left: build(from, item, below, !red, pick),
    right: build(item + 1, to, below, !red, pick),
  };
}

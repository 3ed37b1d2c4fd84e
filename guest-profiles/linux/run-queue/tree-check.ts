import { isKernelObject, nullVa, type GuestVa } from "vmmsched/plugin-api";
import type { Overlay } from "./overlay.js";
import { isRed, leftOf, leftmostOf, parentOf, rightOf, rootOf, type TreeOrder } from "./rb-tree.js";

/** Longer queues are left alone: checking one takes a pause too long. */
export const mostEntities = 512;
/** A red-black tree of that many nodes is not deeper: 2 log2(n + 1). */
const deepest = 2 * Math.ceil(Math.log2(mostEntities + 1));
const broken = -1;

/** Checks a tree from end to end and trusts nothing: links, order, colours, black height, leftmost, augmented values. */
export class TreeCheck {
  /** The nodes of the last tree in order; `count` of them count. */
  readonly nodes = new Float64Array(mostEntities);
  count = 0;
  #problem = "";

  constructor(
    private readonly overlay: Overlay,
    private readonly order: TreeOrder,
  ) {}

  /** What is wrong with the rb_root_cached at `tree`; undefined when nothing is. */
  check(tree: GuestVa): string | undefined {
    this.count = 0;
    const root = rootOf(this.overlay, tree);
    if (isRed(this.overlay, root) || this.#blackHeight(root, nullVa, 0) === broken)
      return this.#problem === "" ? "its root is red" : this.#problem;
    const first = this.count === 0 ? nullVa : (this.nodes[0] ?? nullVa);
    return leftmostOf(this.overlay, tree) === first ? undefined : "rb_leftmost is not the leftmost node";
  }

  #blackHeight(node: GuestVa, parent: GuestVa, depth: number): number {
    const { overlay, order } = this;
    if (node === nullVa) return 0;
    if (!isKernelObject(node)) return this.#broken("a link leads to no kernel object");
    if (depth > deepest || this.count === mostEntities) return this.#broken("it is too long");
    if (parentOf(overlay, node) !== parent) return this.#broken("a node's parent is not its parent");
    const isRedNode = isRed(overlay, node);
    if (isRedNode && isRed(overlay, parent)) return this.#broken("two red nodes in a row");
    const lower = this.#blackHeight(leftOf(overlay, node), node, depth + 1);
    if (lower === broken) return broken;
    if (this.count === mostEntities) return this.#broken("it is too long");
    if (this.count > 0 && order.before(node, (this.nodes[this.count - 1] ?? 0) as GuestVa))
      return this.#broken("nodes are out of order");
    this.nodes[this.count++] = node;
    const upper = this.#blackHeight(rightOf(overlay, node), node, depth + 1);
    if (upper === broken) return broken;
    if (lower !== upper) return this.#broken("black heights differ");
    if (!order.augmented(node)) return this.#broken("an augmented value is wrong");
    return lower + (isRedNode ? 0 : 1);
  }

  #broken(problem: string): number {
    this.#problem = problem;
    return broken;
  }
}

import { nullVa, vaFromWords, type GuestVa } from "vmmsched/plugin-api";
import type { Overlay } from "./overlay.js";

/** struct rb_node: the parent's address with the colour in bit 0, then both children (include/linux/rbtree_types.h). */
const parentColor = 0;
const right = 8;
const left = 16;
type Side = typeof left | typeof right;
/** struct rb_root_cached. */
const rootNode = 0;
const leftmostNode = 8;
const red = 0;
const black = 1;

/** What a tree is ordered by, and what its nodes keep of their subtrees. */
export interface TreeOrder {
  before(a: GuestVa, b: GuestVa): boolean;
  /** Computes the augmented values of `node` from its own and its children's. */
  augment(node: GuestVa): void;
  /** Has `node` the augmented values that {@link augment} would give it? */
  augmented(node: GuestVa): boolean;
}

export function leftOf(overlay: Overlay, node: GuestVa): GuestVa {
  return overlay.pointer(node, left);
}

export function rightOf(overlay: Overlay, node: GuestVa): GuestVa {
  return overlay.pointer(node, right);
}

export function parentOf(overlay: Overlay, node: GuestVa): GuestVa {
  return vaFromWords(overlay.u32(node, parentColor) & ~3, overlay.u32(node, parentColor + 4));
}

/** No node counts as black. */
export function isRed(overlay: Overlay, node: GuestVa): boolean {
  return node !== nullVa && (overlay.u32(node, parentColor) & 1) === red;
}

export function rootOf(overlay: Overlay, tree: GuestVa): GuestVa {
  return overlay.pointer(tree, rootNode);
}

export function leftmostOf(overlay: Overlay, tree: GuestVa): GuestVa {
  return overlay.pointer(tree, leftmostNode);
}

/**
 * rb_erase_augmented_cached (lib/rbtree.c, include/linux/rbtree_augmented.h): takes `node` out of the rb_root_cached at
 * `tree`, keeps colours, the cached leftmost node and the augmented values. The node's own words stay as they were, as
 * the kernel leaves them. The tree must have been checked: see TreeCheck.
 */
export function eraseNode(overlay: Overlay, order: TreeOrder, tree: GuestVa, node: GuestVa): void {
  if (leftmostOf(overlay, tree) === node) overlay.write64(tree, leftmostNode, successor(overlay, node));
  const lower = leftOf(overlay, node);
  const upper = rightOf(overlay, node);
  let lost = isRed(overlay, node);
  let child: GuestVa;
  let parent: GuestVa;
  if (lower !== nullVa && upper !== nullVa) {
    // The next node takes over place and colour, so what is missing is missing where it was.
    const heir = outermost(overlay, upper, left);
    lost = isRed(overlay, heir);
    child = rightOf(overlay, heir);
    parent = parentOf(overlay, heir);
    if (parent === node) parent = heir;
    else {
      hang(overlay, parent, left, child);
      hang(overlay, heir, right, upper);
    }
    replace(overlay, tree, node, heir);
    hang(overlay, heir, left, lower);
    setColor(overlay, heir, isRed(overlay, node) ? red : black);
  } else {
    child = lower !== nullVa ? lower : upper;
    parent = parentOf(overlay, node);
    replace(overlay, tree, node, child);
  }
  for (let at = parent; at !== nullVa; at = parentOf(overlay, at)) order.augment(at);
  if (!lost) restoreBlackHeight(overlay, order, tree, child, parent);
}

/**
 * rb_add_augmented_cached: puts `node`, which is in no tree, after all that it is not before; the rest is as for
 * {@link eraseNode}.
 */
export function insertNode(overlay: Overlay, order: TreeOrder, tree: GuestVa, node: GuestVa): void {
  let parent = nullVa;
  let side: Side = left;
  let isLeftmost = true;
  for (let at = rootOf(overlay, tree); at !== nullVa; at = overlay.pointer(at, side)) {
    parent = at;
    side = order.before(node, at) ? left : right;
    isLeftmost &&= side === left;
  }
  overlay.write64(node, left, 0);
  overlay.write64(node, right, 0);
  overlay.write64(node, parentColor, parent);
  setColor(overlay, node, red);
  if (parent === nullVa) overlay.write64(tree, rootNode, node);
  else overlay.write64(parent, side, node);
  if (isLeftmost) overlay.write64(tree, leftmostNode, node);
  for (let at = node; at !== nullVa; at = parentOf(overlay, at)) order.augment(at);
  separateReds(overlay, order, tree, node);
}

/** `node` is red, and so its parent may not be, nor may it be the root. */
function separateReds(overlay: Overlay, order: TreeOrder, tree: GuestVa, node: GuestVa): void {
  let low = node;
  for (let parent = parentOf(overlay, low); isRed(overlay, parent); parent = parentOf(overlay, low)) {
    const above = parentOf(overlay, parent);
    const near: Side = leftOf(overlay, above) === parent ? left : right;
    const far: Side = near === left ? right : left;
    const sibling = overlay.pointer(above, far);
    setColor(overlay, above, red);
    if (isRed(overlay, sibling)) {
      setColor(overlay, sibling, black);
      setColor(overlay, parent, black);
      low = above;
      continue;
    }
    const isInner = overlay.pointer(parent, far) === low;
    if (isInner) rotate(overlay, order, tree, parent, near);
    setColor(overlay, isInner ? low : parent, black);
    rotate(overlay, order, tree, above, far);
    return;
  }
  if (parentOf(overlay, low) === nullVa) setColor(overlay, low, black);
}

/** Every path through `node`, a child of `parent`, has one black node too few. */
function restoreBlackHeight(
  overlay: Overlay,
  order: TreeOrder,
  tree: GuestVa,
  node: GuestVa,
  parent: GuestVa,
): void {
  let [short, above] = [node, parent];
  while (above !== nullVa && !isRed(overlay, short)) {
    const near: Side = leftOf(overlay, above) === short ? left : right;
    const far: Side = near === left ? right : left;
    let sibling = overlay.pointer(above, far);
    if (isRed(overlay, sibling)) {
      setColor(overlay, sibling, black);
      setColor(overlay, above, red);
      rotate(overlay, order, tree, above, near);
      sibling = overlay.pointer(above, far);
    }
    const inner = overlay.pointer(sibling, near);
    if (!isRed(overlay, overlay.pointer(sibling, far))) {
      if (!isRed(overlay, inner)) {
        setColor(overlay, sibling, red);
        short = above;
        above = parentOf(overlay, above);
        continue;
      }
      setColor(overlay, inner, black);
      setColor(overlay, sibling, red);
      rotate(overlay, order, tree, sibling, far);
      sibling = inner;
    }
    setColor(overlay, sibling, isRed(overlay, above) ? red : black);
    setColor(overlay, above, black);
    setColor(overlay, overlay.pointer(sibling, far), black);
    rotate(overlay, order, tree, above, near);
    return;
  }
  if (short !== nullVa) setColor(overlay, short, black);
}

/** Moves `node` down to `side`; its child of the other side comes up. Augmented values above stay what they are. */
function rotate(overlay: Overlay, order: TreeOrder, tree: GuestVa, node: GuestVa, side: Side): void {
  const other: Side = side === left ? right : left;
  const rising = overlay.pointer(node, other);
  hang(overlay, node, other, overlay.pointer(rising, side));
  replace(overlay, tree, node, rising);
  hang(overlay, rising, side, node);
  order.augment(node);
  order.augment(rising);
}

/** Puts `by`, or nothing, where `node` hangs. */
function replace(overlay: Overlay, tree: GuestVa, node: GuestVa, by: GuestVa): void {
  const parent = parentOf(overlay, node);
  if (parent !== nullVa) {
    hang(overlay, parent, leftOf(overlay, parent) === node ? left : right, by);
    return;
  }
  overlay.write64(tree, rootNode, by);
  if (by !== nullVa) setParent(overlay, by, nullVa);
}

function hang(overlay: Overlay, parent: GuestVa, side: Side, child: GuestVa): void {
  overlay.write64(parent, side, child);
  if (child !== nullVa) setParent(overlay, child, parent);
}

function successor(overlay: Overlay, node: GuestVa): GuestVa {
  const upper = rightOf(overlay, node);
  // Called for the leftmost node only: it is no right child.
  return upper === nullVa ? parentOf(overlay, node) : outermost(overlay, upper, left);
}

function outermost(overlay: Overlay, from: GuestVa, side: Side): GuestVa {
  let at = from;
  for (let next = overlay.pointer(at, side); next !== nullVa; next = overlay.pointer(at, side)) at = next;
  return at;
}

function setParent(overlay: Overlay, node: GuestVa, parent: GuestVa): void {
  const color = overlay.u32(node, parentColor) & 1;
  overlay.write64(node, parentColor, parent);
  overlay.write32(node, parentColor, ((parent >>> 0) | color) >>> 0);
}

function setColor(overlay: Overlay, node: GuestVa, color: number): void {
  overlay.write32(node, parentColor, ((overlay.u32(node, parentColor) & ~1) | color) >>> 0);
}

import type { KernelMemory } from "./kernel-memory.js";

const parentColorAt = 0;
const rightAt = 8;
const leftAt = 16;
const rootAt = 0;
const leftmostAt = 8;
const black = 1;

/** What {@link RbTree.validate} found: the nodes in order, or what is wrong. */
export type TreeCheck = { readonly nodes: readonly number[] } | { readonly broken: string };

/**
 * `struct rb_root_cached` of `struct rb_node` in guest RAM (include/linux/rbtree_types.h): the parent's address shares
 * its word with the colour in bit 0. The algorithm is the textbook one.
 */
export class RbTree {
  constructor(private readonly memory: KernelMemory) {}

  /** rb_leftmost. */
  first(tree: number): number {
    return this.memory.s64(tree, leftmostAt);
  }

  /** Inserts `node` after all nodes that are not greater. */
  insert(tree: number, node: number, less: (a: number, b: number) => boolean): void {
    let parent = 0;
    let leftmost = true;
    for (let at = this.memory.s64(tree, rootAt); at !== 0;) {
      parent = at;
      if (less(node, at)) {
        at = this.#left(at);
      } else {
        at = this.#right(at);
        leftmost = false;
      }
    }
    this.memory.w64(node, rightAt, 0);
    this.memory.w64(node, leftAt, 0);
    this.#setParentColor(node, parent, 0);
    if (parent === 0) this.memory.w64(tree, rootAt, node);
    else this.memory.w64(parent, less(node, parent) ? leftAt : rightAt, node);
    if (leftmost) this.memory.w64(tree, leftmostAt, node);
    this.#fixInsert(tree, node);
  }

  erase(tree: number, node: number): void {
    if (this.first(tree) === node) this.memory.w64(tree, leftmostAt, this.#successor(node));
    const left = this.#left(node);
    const right = this.#right(node);
    let removed = this.#color(node);
    let child: number;
    let childParent: number;
    if (left === 0 || right === 0) {
      child = left === 0 ? right : left;
      childParent = this.#parent(node);
      this.#transplant(tree, node, child);
    } else {
      const next = this.#minimum(right);
      removed = this.#color(next);
      child = this.#right(next);
      if (this.#parent(next) === node) {
        childParent = next;
      } else {
        childParent = this.#parent(next);
        this.#transplant(tree, next, child);
        this.memory.w64(next, rightAt, right);
        this.#setParent(right, next);
      }
      this.#transplant(tree, node, next);
      this.memory.w64(next, leftAt, left);
      this.#setParent(left, next);
      this.#setColor(next, this.#color(node));
    }
    if (removed === black) this.#fixErase(tree, child, childParent);
  }

  /** Checks links, order, colours, black height and the cached leftmost node; trusts nothing. */
  validate(tree: number, less: (a: number, b: number) => boolean, mostNodes: number): TreeCheck {
    const nodes: number[] = [];
    const blackHeight = (at: number, parent: number): number => {
      if (at === 0) return 1;
      if (nodes.length > mostNodes) throw new RangeError("more nodes than tasks");
      if (this.#parent(at) !== parent) throw new RangeError("a node's parent is not its parent");
      if (this.#color(at) === 0 && parent !== 0 && this.#color(parent) === 0)
        throw new RangeError("two red nodes in a row");
      const left = blackHeight(this.#left(at), at);
      nodes.push(at);
      if (nodes.length > mostNodes) throw new RangeError("more nodes than tasks");
      if (left !== blackHeight(this.#right(at), at)) throw new RangeError("black heights differ");
      return left + this.#color(at);
    };
    try {
      blackHeight(this.memory.s64(tree, rootAt), 0);
      for (let i = 1; i < nodes.length; i++) {
        if (less(nodes[i] ?? 0, nodes[i - 1] ?? 0)) throw new RangeError("nodes are out of order");
      }
      if (this.first(tree) !== (nodes[0] ?? 0)) throw new RangeError("rb_leftmost is not the leftmost node");
    } catch (error) {
      if (error instanceof RangeError) return { broken: error.message };
      throw error;
    }
    return { nodes };
  }

  #fixInsert(tree: number, inserted: number): void {
    let node = inserted;
    for (
      let parent = this.#parent(node);
      parent !== 0 && this.#color(parent) === 0;
      parent = this.#parent(node)
    ) {
      const grand = this.#parent(parent);
      const parentIsLeft = this.#left(grand) === parent;
      const uncle = parentIsLeft ? this.#right(grand) : this.#left(grand);
      if (uncle !== 0 && this.#color(uncle) === 0) {
        this.#setColor(parent, black);
        this.#setColor(uncle, black);
        this.#setColor(grand, 0);
        node = grand;
        continue;
      }
      if (node === (parentIsLeft ? this.#right(parent) : this.#left(parent))) {
        node = parent;
        this.#rotate(tree, node, parentIsLeft);
        parent = this.#parent(node);
      }
      this.#setColor(parent, black);
      this.#setColor(grand, 0);
      this.#rotate(tree, grand, !parentIsLeft);
    }
    this.#setColor(this.memory.s64(tree, rootAt), black);
  }

  #fixErase(tree: number, start: number, startParent: number): void {
    let node = start;
    let parent = startParent;
    while (parent !== 0 && (node === 0 || this.#color(node) === black)) {
      const isLeft = this.#left(parent) === node;
      let sibling = isLeft ? this.#right(parent) : this.#left(parent);
      if (this.#color(sibling) === 0) {
        this.#setColor(sibling, black);
        this.#setColor(parent, 0);
        this.#rotate(tree, parent, isLeft);
        sibling = isLeft ? this.#right(parent) : this.#left(parent);
      }
      const outer = isLeft ? rightAt : leftAt;
      const inner = isLeft ? leftAt : rightAt;
      if (this.#isBlack(this.memory.s64(sibling, outer)) && this.#isBlack(this.memory.s64(sibling, inner))) {
        this.#setColor(sibling, 0);
        node = parent;
        parent = this.#parent(node);
        continue;
      }
      if (this.#isBlack(this.memory.s64(sibling, outer))) {
        this.#setColor(this.memory.s64(sibling, inner), black);
        this.#setColor(sibling, 0);
        this.#rotate(tree, sibling, !isLeft);
        sibling = isLeft ? this.#right(parent) : this.#left(parent);
      }
      this.#setColor(sibling, this.#color(parent));
      this.#setColor(parent, black);
      this.#setColor(this.memory.s64(sibling, outer), black);
      this.#rotate(tree, parent, isLeft);
      node = this.memory.s64(tree, rootAt);
      break;
    }
    if (node !== 0) this.#setColor(node, black);
  }

  /** Rotates `node` down to the left or to the right. */
  #rotate(tree: number, node: number, left: boolean): void {
    const near = left ? leftAt : rightAt;
    const far = left ? rightAt : leftAt;
    const up = this.memory.s64(node, far);
    const moved = this.memory.s64(up, near);
    this.memory.w64(node, far, moved);
    if (moved !== 0) this.#setParent(moved, node);
    this.#transplant(tree, node, up);
    this.memory.w64(up, near, node);
    this.#setParent(node, up);
  }

  /** Puts `replacement` (or nothing) where `node` hangs. */
  #transplant(tree: number, node: number, replacement: number): void {
    const parent = this.#parent(node);
    if (parent === 0) this.memory.w64(tree, rootAt, replacement);
    else this.memory.w64(parent, this.#left(parent) === node ? leftAt : rightAt, replacement);
    if (replacement !== 0) this.#setParent(replacement, parent);
  }

  #successor(node: number): number {
    const right = this.#right(node);
    if (right !== 0) return this.#minimum(right);
    let child = node;
    let parent = this.#parent(node);
    while (parent !== 0 && this.#right(parent) === child) {
      child = parent;
      parent = this.#parent(child);
    }
    return parent;
  }

  #minimum(node: number): number {
    let at = node;
    for (let left = this.#left(at); left !== 0; left = this.#left(at)) at = left;
    return at;
  }

  #left(node: number): number {
    return this.memory.s64(node, leftAt);
  }

  #right(node: number): number {
    return this.memory.s64(node, rightAt);
  }

  #color(node: number): number {
    return this.memory.u32(node, parentColorAt) & 1;
  }

  #isBlack(node: number): boolean {
    return node === 0 || this.#color(node) === black;
  }

  #parent(node: number): number {
    const low = this.memory.u32(node, parentColorAt) & ~3;
    return (this.memory.u32(node, parentColorAt + 4) | 0) * 2 ** 32 + (low >>> 0);
  }

  #setParent(node: number, parent: number): void {
    this.#setParentColor(node, parent, this.#color(node));
  }

  #setColor(node: number, color: number): void {
    this.memory.w32(node, parentColorAt, (this.memory.u32(node, parentColorAt) & ~1) | color);
  }

  #setParentColor(node: number, parent: number, color: number): void {
    this.memory.w64(node, parentColorAt, parent);
    this.memory.w32(node, parentColorAt, (parent >>> 0) | color);
  }
}

import { vaOffset, type GuestVa } from "vmmsched/plugin-api";
import type { RunQueueLayout } from "./layout.js";
import type { Overlay } from "./overlay.js";
import { leftOf, rightOf, type TreeOrder } from "./rb-tree.js";

/** Order and augmented values of a cfs_rq's tree (entity_before and min_vruntime_update, kernel/sched/fair.c of 6.12). */
export class EntityOrder implements TreeOrder {
  constructor(
    private readonly overlay: Overlay,
    private readonly layout: RunQueueLayout,
  ) {}

  before(a: GuestVa, b: GuestVa): boolean {
    const { key } = this.layout.tree;
    return this.overlay.difference(this.entity(a), key, this.entity(b), key) < 0;
  }

  augment(node: GuestVa): void {
    const entity = this.entity(node);
    for (const { own, smallest } of this.layout.tree.augmented) {
      const holder = this.#smallest(node, own, smallest);
      this.overlay.copy64(entity, smallest, holder, holder === entity ? own : smallest);
    }
  }

  augmented(node: GuestVa): boolean {
    const entity = this.entity(node);
    for (const { own, smallest } of this.layout.tree.augmented) {
      const holder = this.#smallest(node, own, smallest);
      if (this.overlay.difference(entity, smallest, holder, holder === entity ? own : smallest) !== 0)
        return false;
    }
    return true;
  }

  /** The sched_entity that a run_node lies in. */
  entity(node: GuestVa): GuestVa {
    return vaOffset(node, -this.layout.entity.runNode);
  }

  /** Of the node itself and its two subtrees, the entity that has the smallest value. */
  #smallest(node: GuestVa, own: number, smallest: number): GuestVa {
    const entity = this.entity(node);
    let holder = entity;
    for (let side = 0; side < 2; side++) {
      const child = side === 0 ? leftOf(this.overlay, node) : rightOf(this.overlay, node);
      if (child === 0) continue;
      const below = this.entity(child);
      const difference = this.overlay.difference(below, smallest, holder, holder === entity ? own : smallest);
      if (difference < 0) holder = below;
    }
    return holder;
  }
}

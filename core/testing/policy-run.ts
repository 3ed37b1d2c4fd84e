import assert from "node:assert/strict";
import type { HostSnapshot, Policy, Wish } from "../policy.js";
import { checkedWishes, isThenable } from "./wishes.js";

/** One life of a policy: from its `init` until it is replaced. */
export interface PolicyRun {
  readonly state: unknown;
  /** One tick. Fails when something among the wishes is none. */
  decide(on: HostSnapshot): readonly Wish[];
}

/** Starts `policy`, with the state of the version before it when there is one. */
export function startPolicy<Options>(
  policy: Policy<Options>,
  options: Options,
  previous?: unknown,
): PolicyRun {
  const state = policy.init?.(options, previous);
  if (isThenable(state)) assert.fail("init returned a promise; a policy is synchronous: remove `async`");
  return { state, decide: (on) => checkedWishes(policy.decide(on, options, state), on) };
}

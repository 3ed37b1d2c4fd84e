import { deserialize, serialize } from "node:v8";
import { VmmschedError, messageOf } from "../errors.js";

/**
 * A policy's state as a record keeps it, serialized as a structured clone: `state`, as its `decide` had it; `previous`, as
 * its `init` was handed it; or why there is none.
 */
export type PolicyState =
  | { readonly kind: "state" | "previous"; readonly bytes: Uint8Array }
  | { readonly kind: "unavailable"; readonly why: string };

/** More state than this is not kept. */
export const longestStateBytes = 16 * 1024 * 1024;

/** Never throws: what cannot be cloned (functions, for one) is not available. */
export function captureState(state: unknown, kind: "state" | "previous" = "state"): PolicyState {
  try {
    const bytes = serialize(state);
    if (bytes.length <= longestStateBytes) return { kind, bytes };
    const why = `it has ${bytes.length} bytes, more than the ${longestStateBytes} that are kept`;
    return { kind: "unavailable", why };
  } catch (error) {
    return { kind: "unavailable", why: messageOf(error) };
  }
}

/** A new copy of a state. Throws ERR_RECORD_INVALID. */
export function restoreState(bytes: Uint8Array): unknown {
  try {
    return deserialize(bytes);
  } catch (error) {
    throw new VmmschedError("ERR_RECORD_INVALID", `the state of a policy is damaged: ${messageOf(error)}`);
  }
}

import { deserialize, serialize } from "node:v8";
import { VmmschedError, messageOf } from "../errors.js";

/** A policy's state as a record keeps it: a structured clone, serialized; or why there is none. */
export type PolicyState = { readonly bytes: Uint8Array } | { readonly unavailable: string };

/** More state than this is not kept. */
export const longestStateBytes = 16 * 1024 * 1024;

/** Never throws: what cannot be cloned (functions, for one) is not available. */
export function captureState(state: unknown): PolicyState {
  try {
    const bytes = serialize(state);
    return bytes.length > longestStateBytes
      ? { unavailable: `it has ${bytes.length} bytes, more than the ${longestStateBytes} that are kept` }
      : { bytes };
  } catch (error) {
    return { unavailable: messageOf(error) };
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

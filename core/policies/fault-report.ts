import { messageOf } from "../errors.js";
import type { FaultReport } from "./thread-messages.js";

const longestTextLength = 10_000;

/** What code of a plugin threw while it did this. It may be anything, also something that throws when it is looked at. */
export function faultReport(error: unknown, during: FaultReport["during"]): FaultReport {
  return {
    message: textOf(() => messageOf(error)),
    stack: error instanceof Error ? textOf(() => error.stack ?? "") : "",
    during,
  };
}

/** What `read` returns, if it is not too long, and if it returns at all. */
export function textOf(read: () => unknown): string {
  try {
    return String(read()).slice(0, longestTextLength);
  } catch {
    return "something that cannot be shown was thrown";
  }
}

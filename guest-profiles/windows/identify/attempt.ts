import { isVmmschedError } from "vmmsched/plugin-api";

/** What `read` gives, or undefined where memory that it needs is not there. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isVmmschedError(error)) return undefined;
    throw error;
  }
}

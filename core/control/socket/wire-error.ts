import { errorTable, isVmmschedError, messageOf, VmmschedError, type ErrorCode } from "../../errors.js";

/** An error on its way to another thread or process, as plain data. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, string | number>>;
}

/** What was not thrown on purpose becomes ERR_CONTROL_CALL. */
export function toWire(error: unknown): WireError {
  if (!isVmmschedError(error)) return { code: "ERR_CONTROL_CALL", message: messageOf(error) };
  const suffix = ` [${error.code}]`;
  const message = error.message.endsWith(suffix) ? error.message.slice(0, -suffix.length) : error.message;
  const details = Object.entries(error.details).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  if (details.length === 0) return { code: error.code, message };
  return { code: error.code, message, details: Object.fromEntries(details) };
}

/** The error again, for the other side to throw. A code that this side does not know becomes ERR_CONTROL_CALL. */
export function fromWire({ code, message, details }: WireError): VmmschedError {
  if (Object.hasOwn(errorTable, code)) return new VmmschedError(code as ErrorCode, message, details);
  return new VmmschedError("ERR_CONTROL_CALL", `${message} [${code}]`, details);
}

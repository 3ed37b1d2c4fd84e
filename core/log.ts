/** What a line is about: `event` is its kind in kebab-case, for machines; the other fields are its facts. */
export interface LogFields {
  readonly event: string;
  readonly [fact: string]: unknown;
}

type Write = (fields: LogFields, message: string) => void;

/** Structured log: one JSON object a line. Never called while a domain is paused. */
export interface Log {
  readonly trace: Write;
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
}
export const Log = Symbol("Log");

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "silent";

/** A log that keeps nothing, for commands whose output is not a log. */
export const silentLog: Log = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

import { pino } from "pino";

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

/**
 * Logs to standard output, or to `write` when given. Writing is synchronous, so that the last lines before an exit
 * are not lost.
 */
export function createLog(level: LogLevel, write?: (line: string) => void): Log {
  const destination = write === undefined ? standardOutput() : { write };
  const log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return {
    trace: (fields, message) => {
      log.trace(fields, message);
    },
    debug: (fields, message) => {
      log.debug(fields, message);
    },
    info: (fields, message) => {
      log.info(fields, message);
    },
    warn: (fields, message) => {
      log.warn(fields, message);
    },
    error: (fields, message) => {
      log.error(fields, message);
    },
  };
}

/** A log that cannot be written (reader gone, disk full) must not end the scheduling. */
function standardOutput(): pino.DestinationStream {
  const destination = pino.destination({ dest: 1, sync: true });
  destination.on("error", () => undefined);
  return destination;
}

/** A log that keeps nothing, for commands whose output is not a log. */
export const silentLog: Log = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

import { pino } from "pino";
import { escapeJson } from "./escape.js";
import type { Log, LogLevel } from "./log.js";

/**
 * What guests choose is in many of its fields: nothing in a line steers a terminal. Logs to standard output, or to `write` when given. Writing is synchronous, so that the last lines before an exit
 * are not lost.
 */
export function createLog(level: LogLevel, write?: (line: string) => void): Log {
  const destination = write === undefined ? standardOutput() : { write };
  const log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      hooks: { streamWrite: escapeJson },
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

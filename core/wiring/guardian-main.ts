import { guard, type GuardianOrder } from "../guardian/guardian-process.js";
import type { Payer } from "../guardian/payer.js";
import { createLog } from "../json-log.js";

/** The guardian's process. Its arguments: the driver, the log's level, and what it is told. */
const [driver = "", level = "info", order = "{}"] = process.argv.slice(2);

async function payerOf(): Promise<Payer> {
  if (driver === "qemu") return new (await import("../../native/qemu/payer.js")).QemuPayer();
  return new (await import("../../native/xen/payer.js")).XenPayer();
}

// Signals that end the scheduler are not for its guardian, which ends when nothing is owed.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
const payer = await payerOf();
await guard(JSON.parse(order) as GuardianOrder, payer, createLog(level === "debug" ? "debug" : "info"));
process.exit(0);

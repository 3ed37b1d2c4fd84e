/**
 * A scheduler of which only pausing is left, over scripted machines: it pauses each, writes a word and resumes it, as fast as it may. It is
 * killed, stopped and continued by the campaign. Its arguments: a directory for the guardian's page, and for each machine its sockets.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isVmmschedError } from "../../../core/errors.js";
import { GuardedHypervisor } from "../../../core/guardian/guarded-hypervisor.js";
import { GuardianProcess } from "../../../core/guardian/start-guardian.js";
import { createLog } from "../../../core/json-log.js";
import type { Frame } from "../../../core/memory/address.js";
import { openQemu } from "../../../native/qemu/index.js";
import { inRepository } from "../../repository.js";

const [directory = "", machines = "[]"] = process.argv.slice(2);
const longestPauseMs = 6;
const frame = 1 as Frame;

const watch = await GuardianProcess.start({
  ...{ directory, hardLimitMs: 50, log: createLog("info") },
  program: [inRepository("dist/core/wiring/guardian-main.js"), "qemu", "info"],
});
using hypervisor = new GuardedHypervisor(
  openQemu({ directory, machines: JSON.parse(machines) as { readonly qmp: string }[] }),
  watch,
);
const domains = hypervisor.domains().map(({ id }) => hypervisor.open(id));

let guardian: number | undefined;
let refused = 0;
let lost = 0;
let edits = 0;
setInterval(() => {
  if (watch.alive) guardian = watch.pid;
  process.send?.({ guardian, alive: watch.alive, edits, refused, lost });
}, 20).unref();
process.on("disconnect", () => process.exit());

for (;;) {
  for (const domain of domains) {
    try {
      using paused = domain.pause();
      const untilMs = performance.now() + Math.random() * longestPauseMs;
      while (performance.now() < untilMs);
      if (paused.beginWriting?.() === false) {
        lost++;
        continue;
      }
      try {
        paused.memory.write32(frame, 0, ++edits);
      } finally {
        paused.endWriting?.();
      }
    } catch (error) {
      if (!isVmmschedError(error, "ERR_GUARDIAN_AWAY")) throw error;
      refused++;
    }
  }
  hypervisor.domains();
  await sleep(Math.random() * 2);
}

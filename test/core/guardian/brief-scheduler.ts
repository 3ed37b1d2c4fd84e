/** A scheduler that only has a guardian, until it is told to end. Its arguments: a directory, and the script that its guardian recovers with. */
import { GuardianProcess } from "../../../core/guardian/start-guardian.js";
import { silentLog } from "../../../core/log.js";
import { inRepository } from "../../repository.js";

const [directory = "", script = ""] = process.argv.slice(2);
const watch = await GuardianProcess.start({
  ...{ directory, hardLimitMs: 50, log: silentLog },
  program: [inRepository("dist/core/wiring/guardian-main.js"), "qemu", "info"],
  recovery: { afterMs: 100, command: [process.execPath, script] },
});
process.on("message", () => {
  watch[Symbol.dispose]();
  process.exit();
});
process.send?.(watch.pid);

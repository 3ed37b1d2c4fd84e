import assert from "node:assert/strict";
import { RunningScheduler, until } from "../../campaigns/reload/running-scheduler.js";
import { controlSocketIn } from "../../../core/control/socket/socket-path.js";
import { manifestText, PluginWorkshop } from "../plugins/plugin-workshop.js";

const config = `driver: simulated
simulatedDomains: [batch, web, toy]
pluginDirectories: [plugins]
runtimeDirectory: run
stateDirectory: state
policies: [{ name: idle-only, options: { background: [{ domain: batch, process: background }] } }]
`;
const manifest = manifestText({ kind: "guest-profile", name: "os" });
const sound = "export default { attach: () => Promise.resolve(undefined) };\n";

/** A scheduler that holds something, and that the guest profile `os` is dropped into. */
async function withProfile<T>(
  use: (running: RunningScheduler, drop: (code: string) => void) => Promise<T>,
): Promise<T> {
  using workshop = new PluginWorkshop();
  workshop.write("plugins/os", { "plugin.json": manifest, "index.js": sound });
  workshop.write(".", { "vmmsched.yaml": config });
  const socket = controlSocketIn(workshop.at("run"));
  using running = await RunningScheduler.start(workshop.at("vmmsched.yaml"), socket);
  return await use(running, (code) => {
    workshop.write("plugins/os", { "index.js": code });
  });
}

/** Waits for a tick after so many. */
function ticksAfter(running: RunningScheduler, before: number): Promise<boolean> {
  const status = () => running.status();
  return until("the next tick", status, ({ ticks }) => ticks > before);
}

describe("a guest profile in a running scheduler", function () {
  this.timeout(120_000);

  it("is refused while it loops, exits or takes all memory when it is imported, and the cycle goes on", () =>
    withProfile(async (running, drop) => {
      const cases = [
        ["for (;;);", /did not come to an end/],
        ["process.exit(7);", /process\.exit\(\) is not for guest profiles[^]*index\.js:1/],
        ["process.kill(process.pid, 'SIGKILL');", /process\.kill\(\) is not for guest profiles/],
        ["void Promise.reject(new Error('left alone'));", /left alone[^]*index\.js:1/],
        ["const keep = []; for (;;) keep.push({ a: [1] });", /memory|did not come to an end/],
      ] as const;
      for (const [code, said] of cases) {
        const mark = running.log.mark();
        const { ticks } = await running.status();
        drop(`${code}\n${sound}`);
        const { plugin, error } = await running.log.line(mark, "plugin-refused");
        assert.equal(plugin, "os");
        assert.match(error ?? "", said);
        const report = await running.plugin("os");
        assert.deepEqual([report?.state, report?.version], ["active", "1.0.0"]);
        assert.match(report?.problem ?? "", said);
        await ticksAfter(running, ticks);
      }
      assert.equal(await running.stop(), 0, running.stderr);
    }));

  it("may leave errors behind that nobody handles: they are told, and the scheduling goes on", () =>
    withProfile(async (running, drop) => {
      const cases = [
        ["void Promise.reject(new Error('forgotten'));", /forgotten/],
        ["setTimeout(() => { throw new RangeError('later'); }, 1);", /later/],
      ] as const;
      for (const [code, said] of cases) {
        const mark = running.log.mark();
        drop(`export default { async attach() { ${code} return undefined; } };\n`);
        const line = await running.log.line(mark, "profile-stray-error");
        assert.equal(line.profile, "os");
        assert.match(line.error ?? "", said);
      }
      const { ticks } = await running.status();
      await ticksAfter(running, ticks);
      assert.equal(await running.stop(), 0, running.stderr);
    }));

  it("that throws what nobody can tell the origin of ends the scheduler, which releases everything first", () =>
    withProfile(async (running, drop) => {
      drop("export default { async attach() { setTimeout(() => { throw null; }, 1); } };\n");
      assert.equal(await running.ended(), 1);
      assert.match(running.stderr, /an error came where none was expected: null[^]*\[ERR_UNCAUGHT\]/);
      const last = running.log.lines.at(-1);
      assert.deepEqual([last?.event, last?.left, running.log.held.size], ["stopped", 0, 0]);
    }));
});

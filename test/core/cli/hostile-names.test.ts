import "reflect-metadata";
import assert from "node:assert/strict";
import { HostObserver } from "../../../core/cycle/host-observer.js";
import { explain } from "../../../core/cycle/explain/explain.js";
import { schedulerStatus } from "../../../core/cycle/scheduler-status.js";
import { threadFigures } from "../../../core/control/memory-figures.js";
import { statusCalls } from "../../../core/control/socket/control-calls.js";
import { statusReport } from "../../../core/control/status-report.js";
import type { Domain } from "../../../core/hypervisor.js";
import { createLog } from "../../../core/json-log.js";
import type { ConfiguredPolicy, ConfiguredProfile } from "../../../core/plugins/configure.js";
import type { HostSnapshot } from "../../../core/policy.js";
import type { DomainSpec } from "../../../native/simulated/index.js";
import { ControlPlace } from "../control/socket/control-place.js";
import { ExplainedHost } from "../cycle/explain/explained-host.js";
import { linuxProfile } from "../cycle/scheduled-host.js";
import { runWith, type Ran } from "./command-line.js";

/** Fits into task_struct.comm: ends a line, names the window, turns the direction of writing. */
const comms = ["a\n\u001b]0;x\u0007", "b\u009b2J\u202e\u061c", "c\u2028\u200f\u0085"];
const steering = "\u001b[2J\u009b31m\u202e\u2028\r\nforged: line\u0007";
const domains: readonly DomainSpec[] = ["a", "b"].map((name) => ({
  name: `${name}${steering}`,
  kind: "pvh",
  vcpuCount: 2,
  processes: comms.map((comm) => ({ comm, workload: { kind: "burn" } })),
}));

/** The Linux profile in a guest whose kernel says of itself what this one does. */
const lying: ConfiguredProfile = {
  ...linuxProfile,
  profile: {
    async attach(domain: Domain, options, layouts) {
      if (domain.info.name.startsWith("b")) throw new Error(`unlike any kernel: ${steering}`);
      const kernel = await linuxProfile.profile.attach(domain, options, layouts);
      if (kernel === undefined) return undefined;
      const { description } = kernel;
      const said = { can: false, why: steering } as const;
      const lies = {
        ...{ ...description, os: steering, version: steering, buildId: steering, boot: steering },
        evidence: [steering, ...description.evidence],
        capabilities: { ...description.capabilities, priority: said },
      };
      return new Proxy(kernel, {
        get: (of, member) => {
          const value: unknown = member === "description" ? lies : Reflect.get(of, member, of);
          return typeof value === "function" ? (value.bind(of) as unknown) : value;
        },
      });
    },
  },
};

const holding: ConfiguredPolicy = {
  name: "holding",
  policy: {
    *decide(host: HostSnapshot) {
      for (const target of host.domains.flatMap(({ processes }) => processes))
        if (!target.kernel && target.pid > 2)
          yield { kind: "hold", target, reason: `${target.name} ${steering}` };
    },
  },
  options: {},
};

/** Nothing but printable characters and the line ends of whole lines; `mark` shows that hostile text was there at all. */
function harmless(text: string, mark: RegExp): void {
  assert.doesNotMatch(text, /[^\n\P{C}]|[\u2028\u2029]/u);
  assert.doesNotMatch(text, /^\s*forged: line/m);
  assert.match(text, mark);
}

const quiet = ({ stdout, stderr, exitCode }: Ran): string => {
  assert.equal(exitCode, 0, stderr);
  return stdout;
};

describe("names that a hostile guest chooses", function () {
  this.timeout(60_000);
  const lines: string[] = [];
  let host: ExplainedHost;
  const place = new ControlPlace();

  before(async () => {
    const log = createLog("trace", (line) => lines.push(line));
    host = new ExplainedHost({ domains, profiles: [lying], log, lockProbability: 0 }, [holding]);
    await host.scheduled.attach();
    await host.scheduled.run(10);
    const { loop, cycle, registry } = host.scheduled;
    const calls = statusCalls({
      status: () => {
        const seen = { status: schedulerStatus(loop, cycle, registry), figures: threadFigures() };
        return Promise.resolve(statusReport(seen, ["holding"]));
      },
      explain: (domain, pid) => Promise.resolve(explain(host.sources, domain, pid) ?? {}),
      trust: () => Promise.resolve({}),
    });
    await place.serve(calls);
  });
  after(() => {
    place[Symbol.dispose]();
  });

  const observe = () => {
    const { cycle, registry, hypervisor, clock } = host.scheduled;
    const observer = new HostObserver(cycle, registry, hypervisor, clock);
    const kept = { look: () => observer.look(), profiles: () => observer.profiles(), [Symbol.dispose]() {} };
    return Promise.resolve(kept);
  };
  const held = () =>
    host.scheduled.cycle.view().domains[0]?.processes.find(({ name }) => name.startsWith("a\n"))?.pid ?? 0;

  for (const json of [[], ["--json"]]) {
    const how = json.length > 0 ? "as JSON" : "for people";
    it(`steer nothing in ps, ${how}`, async () => {
      harmless(quiet(await runWith({ observe }, "ps", ...json)), /\]0;x(\\x07|\\u0007)/);
    });

    it(`steer nothing in profile show, ${how}`, async () => {
      harmless(
        quiet(await runWith({ observe }, "profile", "show", ...json)),
        /unlike any kernel: \\(x1b|u001b)/,
      );
    });

    it(`steer nothing in status, ${how}`, async () => {
      const page = quiet(await runWith({}, "status", "--socket", place.socket, ...json));
      harmless(page, /\]0;x(\\x07|\\u0007)/);
    });

    it(`steer nothing in explain, ${how}`, async () => {
      const id = String(host.scheduled.registry.domains[0]?.info.id);
      const of = [id, String(held()), "--socket", place.socket, ...json];
      harmless(quiet(await runWith({}, "explain", ...of)), /\]0;x(\\x07|\\u0007)/);
    });
  }

  it("steer nothing in an error", async () => {
    const id = String(host.scheduled.registry.domains[0]?.info.id);
    const at = ["--socket", place.socket];
    for (const [parts, ...args] of [
      [{ observe }, "ps", `no such ${steering}`],
      [{}, "explain", "nobody", ...at],
      [{}, "explain", id, steering, ...at],
    ] as const) {
      const { stderr, exitCode } = await runWith(parts, ...args);
      assert.equal(exitCode, 1);
      harmless(stderr, /\\x1b/);
    }
  });

  it("steer nothing in the log, which tells of holds, reasons and domains", () => {
    const text = lines.join("");
    harmless(text, /"event":"hold"/);
    for (const line of text.trimEnd().split("\n")) assert.equal(typeof JSON.parse(line), "object");
    assert.ok(text.includes("\\u009b") && text.includes("\\u202e") && text.includes("\\u2028"));
  });
});

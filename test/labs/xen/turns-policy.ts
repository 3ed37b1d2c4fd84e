import type { XenLab } from "./lab.js";

const directory = "/tmp/lab-plugins";

const manifest = {
  kind: "policy",
  name: "turns",
  version: "1.0.0",
  api: "^0.1.0",
  description: "Holds processes of one name, and lets one domain's run at a time, if any",
  entry: "index.js",
  options: {
    type: "object",
    additionalProperties: false,
    required: ["process", "turns"],
    properties: {
      process: { type: "string" },
      turns: { type: "array", items: { type: "string" } },
      restMs: { type: "number", default: 700 },
      runMs: { type: "number", default: 400 },
    },
  },
};

/** What a turn begins with is printed with the time, so that a test knows when the release was wished. */
const code = `
export default {
  init: () => ({ running: undefined }),
  *decide(host, { process, turns, restMs, runMs }, state) {
    const ms = host.timeNs / 1e6;
    const turn = Math.floor(ms / (restMs + runMs));
    const running = ms % (restMs + runMs) < restMs ? undefined : turns[turn % turns.length];
    if (running !== state.running && running !== undefined) console.log("LETS " + running + " RUN " + Date.now());
    state.running = running;
    for (const domain of host.domains)
      for (const target of domain.processes)
        if (target.name === process && domain.name !== running) yield { kind: "hold", target };
  },
};
`;

/** How the labs' policy `turns` behaves. */
export interface TurnsOptions {
  /** Name of the processes that are held. */
  readonly process: string;
  /** Domains whose processes are let run, one after the other; none: all are held for good. */
  readonly turns: readonly string[];
  /** All are held for so long before each turn. */
  readonly restMs?: number;
  readonly runMs?: number;
}

/** Puts the policy into Dom0. */
export async function installTurns(lab: XenLab): Promise<void> {
  await lab.dom0.run(
    [
      `mkdir -p ${directory}/turns`,
      `cat > ${directory}/turns/plugin.json <<'EOP'\n${JSON.stringify(manifest)}\nEOP`,
      `cat > ${directory}/turns/index.js <<'EOP'\n${code}\nEOP`,
    ].join("\n"),
  );
}

/** A configuration of vmmsched that runs it in these domains. */
export function turnsConfig(domains: readonly string[], options: TurnsOptions, intervalMs = 200): string {
  return `
intervalMs: ${String(intervalMs)}
policyDeadlineMs: 1000
pluginDirectories: [${directory}]
domains: { include: ${JSON.stringify(domains)} }
policies:
  - name: turns
    options: ${JSON.stringify(options)}
`;
}

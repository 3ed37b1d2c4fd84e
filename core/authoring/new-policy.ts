import type { Files } from "./scaffold.js";

/** The files of a new policy: small, complete, and with a comment wherever its author will want to change something. */
export function policyFiles(name: string, typescript: boolean): Files {
  const script = typescript ? "ts" : "js";
  return {
    "plugin.json": JSON.stringify(manifest(name, script)),
    [`index.${script}`]: typescript ? typedPolicy : untypedPolicy,
    [`index.test.${script}`]: test(script),
    "demo.yaml": demo(name),
    "README.md": readme(name),
  };
}

const options = {
  type: "object",
  additionalProperties: false,
  required: ["process"],
  examples: [{ process: "background" }],
  properties: {
    process: { type: "string", minLength: 1, description: "Name of the processes to hold" },
    busyPercent: {
      type: "number",
      minimum: 0,
      default: 20,
      description: "They are held while the other domains together use more of one CPU than this",
    },
  },
};

function manifest(name: string, script: string): object {
  return {
    kind: "policy",
    name,
    version: "0.1.0",
    api: "^0.1.0",
    description: "Holds the processes of one name while the other domains are busy",
    entry: `index.${script}`,
    options,
  };
}

const body = `  // Asked at every tick. Say what should be so now: what is not wished again is released.
  *decide(host, options) {
    for (const home of host.domains) {
      const others = host.domains.filter((domain) => domain !== home);
      const usedNs = others.reduce((sum, domain) => sum + domain.cpuTimeDeltaNs, 0);
      // At the first tick there is no interval yet, and so nothing was used in it.
      if (usedNs <= (options.busyPercent / 100) * host.intervalNs) continue;
      for (const process of home.processes) {
        // Threads of the kernel and init are never held, whatever is wished.
        if (process.kernel || process.untouchable || process.name !== options.process) continue;
        yield { kind: "hold", target: process, reason: "other domains are busy" };
      }
    }
  },
`;

const typedPolicy = `import type { Policy } from "vmmsched/plugin-api";

/** As plugin.json describes them, with its defaults filled in. */
export interface Options {
  readonly process: string;
  readonly busyPercent: number;
}

export default {
${body}} satisfies Policy<Options>;
`;

const untypedPolicy = `// @ts-check

/**
 * As plugin.json describes them, with its defaults filled in.
 * @typedef {{ readonly process: string, readonly busyPercent: number }} Options
 */

/** @type {import("vmmsched/plugin-api").Policy<Options>} */
const policy = {
${body}};

export default policy;
`;

function test(script: "ts" | "js"): string {
  const typed = script === "ts";
  return `${typed ? "" : "// @ts-check\n"}import { policyTable, testPolicy${typed ? ", type HostSketch" : ""} } from "vmmsched/testing";
import policy${typed ? ", { type Options }" : ""} from "./index.${script}";

const options${typed ? ": Options" : ""} = { process: "background", busyPercent: 20 };

/** Two domains: background work in one, and another that uses so much of a CPU. */
function host${typed ? "(cpuPercent: number): HostSketch" : "(/** @type {number} */ cpuPercent)"} {
  return {
    domains: [
      { name: "batch", processes: [{ name: "background" }, { name: "cron" }] },
      { name: "web", processes: [{ name: "service", cpuPercent }] },
    ],
  };
}

// What every policy must keep to.
testPolicy(policy, { options, samples: [host(0), host(50)] });

// What this policy is for: on this host, these are held.
policyTable(policy, options, [
  ["lets background work run while the other domain is idle", host(0), []],
  ["holds it while the other domain works", host(50), ["batch/background"]],
  ["knows how much is busy", host(50), [], { busyPercent: 60 }],
  ["releases it when the work is done", [host(50), host(0)], [["batch/background"], []]],
]);
`;
}

function demo(name: string): string {
  return `# This policy on a simulated host, without a hypervisor: vmmsched run -c demo.yaml
driver: simulated
pluginDirectories: [".."]
runtimeDirectory: .run
stateDirectory: .state
policies:
  - name: ${name}
    options:
      process: background
`;
}

function readme(name: string): string {
  return `# ${name}

## Overview

Holds the processes of one name while the other domains are busy.

## Typical use case

Say for whom it is, and when it should be chosen.

\`\`\`yaml
policies:
  - name: ${name}
    options: { process: background }
\`\`\`

## Options

| Option        | Default | Meaning                                                                        |
| ------------- | ------- | ------------------------------------------------------------------------------ |
| \`process\`     |         | Name of the processes to hold                                                  |
| \`busyPercent\` | 20      | They are held while the other domains together use more of one CPU than this |

## Production ready?

No. Say what it does not do yet.
`;
}

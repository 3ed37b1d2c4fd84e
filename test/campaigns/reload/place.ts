import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { controlSocketIn } from "../../../core/control/socket/socket-path.js";
import { bystanderHolds, filesOf, type Content } from "./subject.js";

export const intervalMs = 100;

/** The directories of one campaign: plugins, configuration, and what the scheduler makes itself. */
export class Place implements Disposable {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), "vmmsched-campaign-")));
  readonly plugins = this.at("plugins");
  /** Searched after `plugins`. */
  readonly morePlugins = this.at("more-plugins");
  readonly subject = join(this.plugins, "subject");
  readonly config = this.at("vmmsched.yaml");
  readonly run = this.at("run");
  readonly socket = controlSocketIn(this.run);

  constructor() {
    for (const directory of [this.plugins, this.morePlugins]) mkdirSync(directory);
    writePolicy(join(this.plugins, "bystander"), "bystander", holderOf(bystanderHolds));
    this.bumpBeacon(0);
  }

  at(...parts: readonly string[]): string {
    return join(this.path, ...parts);
  }

  /** Writes a content into an empty folder. */
  fill(folder: string, content: Content, name?: string): void {
    for (const [path, text] of filesOf(content, name)) this.write(join(folder, path), text);
  }

  write(file: string, text: string): void {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  /** As careful programs write: readers see the old file or the new one. */
  replace(file: string, text: string): void {
    writeFileSync(`${file}.tmp`, text);
    renameSync(`${file}.tmp`, file);
  }

  /** A whole folder appears at once. */
  move(from: string, to: string): void {
    renameSync(from, to);
  }

  /** Makes another version of a plugin that nobody uses: when it has been seen, what was done before has been, too. */
  bumpBeacon(count: number): string {
    const version = `1.0.${count}`;
    writePolicy(join(this.plugins, "beacon"), "beacon", "export default { decide: () => [] };\n", version);
    return version;
  }

  /** Adds a policy that prints `all run`, and the names of those that do not, until every process has had CPU time. */
  addWitness(): void {
    writePolicy(join(this.plugins, "witness"), "witness", witness);
  }

  removePlugins(): void {
    for (const directory of [this.plugins, this.morePlugins]) rmSync(directory, { recursive: true });
  }

  /** Names of the staged plugins. */
  get staged(): readonly string[] {
    const [staging] = readdirSync(this.run).filter((name) => name.startsWith("staging-"));
    if (staging === undefined) return [];
    return readdirSync(join(this.run, staging)).filter((name) => /-[0-9a-f]{8,}$/.test(name));
  }

  /** What a scheduler that has ended left behind. */
  get leftBehind(): readonly string[] {
    return existsSync(this.run) ? readdirSync(this.run) : [];
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** The configuration with these options of the policy under test. */
export function configText(toggled: readonly string[]): string {
  return `${settings}policies:
  - name: bystander
  - name: subject
    options:
      toggled: ${JSON.stringify(toggled)}
`;
}

/** The configuration with other policies. */
export function configOf(policies: readonly string[]): string {
  return `${settings}policies: ${JSON.stringify(policies.map((name) => ({ name })))}\n`;
}

const settings = `driver: simulated
intervalMs: ${intervalMs}
policyDeadlineMs: 50
runtimeDirectory: run
stateDirectory: state
pluginDirectories: [plugins, more-plugins]
`;

function writePolicy(folder: string, name: string, code: string, version = "1.0.0"): void {
  mkdirSync(folder, { recursive: true });
  const manifest = {
    kind: "policy",
    name,
    version,
    api: "^0.1.0",
    description: "Stands by",
    entry: "index.js",
  };
  if (!existsSync(join(folder, "index.js"))) writeFileSync(join(folder, "index.js"), code);
  writeFileSync(join(folder, "plugin.json.tmp"), JSON.stringify(manifest));
  renameSync(join(folder, "plugin.json.tmp"), join(folder, "plugin.json"));
}

function holderOf(process: string): string {
  return `export default {
  decide: (host) =>
    host.domains
      .flatMap((domain) => domain.processes)
      .filter(({ name }) => name === "${process}")
      .map((target) => ({ kind: "hold", target, reason: "all the time" })),
};
`;
}

const witness = `export default {
  init: () => ({ idle: undefined, ticks: 0 }),
  decide(host, _, state) {
    const processes = host.domains.flatMap(({ processes }) => processes).filter(({ kernel }) => !kernel);
    const threads = processes.flatMap(({ threads }) => threads);
    state.idle ??= new Set(threads.map(({ name }) => name));
    for (const { name, cpuTimeDeltaNs } of threads) if (cpuTimeDeltaNs > 0) state.idle.delete(name);
    if (++state.ticks % 10 === 0) console.log(state.idle.size === 0 ? "all run" : [...state.idle].join(" "));
    return [];
  },
};
`;

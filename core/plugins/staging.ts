import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { VmmschedError, messageOf } from "../errors.js";
import { requireOwnPath } from "../permissions/own-path.js";

/** This package: what "vmmsched/plugin-api" means to a plugin, so that both sides share one copy of every class. */
const packageRoot = fileURLToPath(new URL("../../../", import.meta.url));

/**
 * A private directory with what is imported of plugins: folders named by their content, which never change. Only
 * this process uses it; disposing removes it.
 */
export class Staging implements Disposable {
  /** Absolute, without symbolic links. */
  readonly directory: string;

  constructor(directory: string) {
    this.directory = realpathSync(directory);
    writeFileSync(join(this.directory, "package.json"), '{"type":"module"}');
    mkdirSync(join(this.directory, "node_modules"));
    symlinkSync(packageRoot, join(this.directory, "node_modules", "vmmsched"));
  }

  /** Puts files (by relative path) into the folder `name`, all or none; one that is there already has them. */
  write(name: string, files: ReadonlyMap<string, string>): string {
    const directory = join(this.directory, name);
    if (existsSync(directory)) return directory;
    const unfinished = mkdtempSync(join(this.directory, ".unfinished-"));
    for (const [path, content] of files) {
      const file = join(unfinished, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
    }
    renameSync(unfinished, directory);
    return directory;
  }

  /** Removes every folder but these. */
  keepOnly(directories: ReadonlySet<string>): void {
    for (const entry of readdirSync(this.directory, { withFileTypes: true })) {
      const directory = join(this.directory, entry.name);
      if (entry.isDirectory() && entry.name !== "node_modules" && !directories.has(directory))
        rmSync(directory, { recursive: true, force: true });
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/**
 * Makes a staging directory below `runtimeDirectory`, and removes those of processes that ended without doing so. Throws
 * ERR_RUNTIME_DIRECTORY where that is not possible, or not safe.
 */
export function openStaging(runtimeDirectory: string): Staging {
  try {
    mkdirSync(runtimeDirectory, { recursive: true, mode: 0o700 });
    requireOwnPath(runtimeDirectory);
    removeLeftovers(runtimeDirectory);
    const start = startTicks(process.pid) ?? "";
    return new Staging(mkdtempSync(join(runtimeDirectory, `staging-${process.pid}-${start}-`)));
  } catch (error) {
    throw new VmmschedError(
      "ERR_RUNTIME_DIRECTORY",
      `the runtime directory ${runtimeDirectory} cannot be used: ${messageOf(error)}`,
      { directory: runtimeDirectory },
      { cause: error },
    );
  }
}

function removeLeftovers(runtimeDirectory: string): void {
  for (const name of readdirSync(runtimeDirectory)) {
    const [, pid, start] = /^staging-(\d+)-(\d*)-/.exec(name) ?? [];
    if (pid !== undefined && startTicks(Number(pid)) !== start)
      rmSync(join(runtimeDirectory, name), { recursive: true, force: true });
  }
}

/** When a process started (field 22 of /proc/PID/stat): a number that is used again does not pass for the one before. */
function startTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

import { readdirSync } from "node:fs";
import { basename, join } from "node:path";

/** Sockets of one machine: its QMP, and its qtest where it is known. Paths are absolute. */
export interface MachineSockets {
  readonly qmp: string;
  readonly qtest?: string;
  /** A second QMP socket, for the guardian. */
  readonly guardian?: string;
  /** What the operator calls it; otherwise its own name counts. */
  readonly name?: string;
  /** For a machine without a name: that of its socket. */
  readonly fallbackName: string;
}

/** Where machines are looked for. */
export interface MachinePlaces {
  /** Each socket NAME.qmp in it is a machine's; NAME.qtest and NAME.guardian beside it are that machine's too. */
  readonly directory: string;
  readonly machines: readonly Omit<MachineSockets, "fallbackName">[];
}

const qmpSuffix = ".qmp";

/** The machines that are named, then those of the directory, each socket once. A directory that cannot be read has none. */
export function findMachines({ directory, machines }: MachinePlaces): readonly MachineSockets[] {
  const named = machines.map((machine) => ({ ...machine, fallbackName: basename(machine.qmp, qmpSuffix) }));
  const taken = new Set(named.map(({ qmp }) => qmp));
  const files = listed(directory);
  const found = files
    .filter((file) => file.endsWith(qmpSuffix) && !taken.has(join(directory, file)))
    .map((file): MachineSockets => {
      const fallbackName = basename(file, qmpSuffix);
      const qtest = `${fallbackName}.qtest`;
      const guardian = `${fallbackName}.guardian`;
      return {
        ...{ qmp: join(directory, file), fallbackName },
        ...(files.includes(qtest) ? { qtest: join(directory, qtest) } : {}),
        ...(files.includes(guardian) ? { guardian: join(directory, guardian) } : {}),
      };
    });
  return [...named, ...found];
}

function listed(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

/** What sets a version of the policy under test apart; mostly something that is wrong with it. */
export interface Quirk {
  /** Where it shows: in the files, while the version is loaded, or after it went live. */
  readonly place: "files" | "import" | "init" | "rehearsal" | "later" | "much later";
  readonly code?: string;
  /** What is changed in the manifest. */
  readonly manifest?: object;
  /** What its author is to be told; undefined: the version is sound all the same. */
  readonly told?: RegExp;
}

/** Decisions of a live version until a fault shows: before it has proven itself, and after that. */
export const decisionsUntil = { later: 12, "much later": 30 } as const;

/**
 * Faults of the files, by name: such a version is never tried. SERIAL stands for the number of the version, since what is
 * wrong in the same way as before is not told again.
 */
export const faultsOfFiles = {
  syntax: { place: "files", code: "const SERIAL = 1;", told: /index\.(ts|js):\d+:\d+/ },
  "missing import": {
    place: "files",
    code: 'import nothing from "./nowhere-SERIAL.js"; nothing();',
    told: /nowhere-\d+\.js/,
  },
  "wrong manifest": {
    place: "files",
    manifest: { version: "SERIAL", entri: "x" },
    told: /plugin\.json:\d+:\d+/,
  },
  "wrong api": { place: "files", manifest: { api: "^9.0.SERIAL" }, told: /ERR_PLUGIN_API/ },
} as const satisfies Record<string, Quirk>;

const thrown = { code: 'throw new Error("out of order");', told: /out of order/ };
const loop = { code: "for (;;);", told: /did not come to an end within|did not answer|too late/ };
const exit = { code: "process.exit(3);", told: /process\.exit\(\) is not for policies/ };
/** 1 MiB, filled so that it is really there. */
const row = "new Array(131072).fill(1.5)";
const greedy = {
  code: `globalThis.kept = Array.from({ length: 130 }, () => ${row});`,
  told: /keeps more than 64 MB of memory/,
};
const insatiable = {
  code: `for (const all = []; ; ) all.push(${row});`,
  told: /grew by|used more than|to an end/,
};
const target = "host.domains[0]?.processes[0]";

/** What a policy may answer that is no answer. */
const garbage = {
  "no list": { code: "return Number.NaN;", told: /not a list of wishes/ },
  numbers: { code: "return new Array(1e7).fill(Number.NaN);", told: /a wish is a value of type number/ },
  "unknown task": {
    code: `return [{ kind: "hold", target: { ...${target}, pid: 4711 } }];`,
    told: /no process or thread of this snapshot/,
  },
  "too many": {
    code: `return (function* () { for (let i = 0; i < 1e7; i++) yield { kind: "hold", target: ${target} }; })();`,
    told: /more than \d+ wishes/,
  },
} as const;

/** Faults that show while a version is loaded: it never goes live. */
export const faultsOfLoading = {
  "throws at import": { place: "import", ...thrown },
  "throws at init": { place: "init", ...thrown },
  "throws in rehearsal": { place: "rehearsal", ...thrown },
  "exits at import": { place: "import", ...exit },
  "exits at init": { place: "init", ...exit },
  "keeps much memory": { place: "init", ...greedy },
  "wishes no list": { place: "rehearsal", ...garbage["no list"] },
  "wishes numbers": { place: "rehearsal", ...garbage.numbers },
  "wishes an unknown task": { place: "rehearsal", ...garbage["unknown task"] },
  "wishes too much": { place: "rehearsal", ...garbage["too many"] },
  "loops at import": { place: "import", ...loop },
  "loops at init": { place: "init", ...loop },
  "loops in rehearsal": { place: "rehearsal", ...loop },
  "takes all memory": { place: "init", ...insatiable },
  "slow by 15 s": { place: "init", code: busyFor(15_000), told: loop.told },
} as const satisfies Record<string, Quirk>;

/** Faults that show when the version is live: the one before has to come back. */
export const faultsOfRunning = {
  "throws later": { place: "later", ...thrown },
  "loops later": { place: "later", ...loop },
  "exits later": { place: "later", ...exit },
  "keeps much memory later": { place: "later", ...greedy },
  "takes all memory later": {
    place: "later",
    ...insatiable,
    told: /grew by|used more than|did not answer|too late/,
  },
  "wishes garbage later": { place: "later", ...garbage.numbers },
} as const satisfies Record<string, Quirk>;

/** A version that has proven itself is started again when it fails. */
export const failsMuchLater: Quirk = { place: "much later", ...thrown };

/** Slow to begin, but sound. */
export function slow(ms: number): Quirk {
  return { place: "init", code: busyFor(ms) };
}

function busyFor(ms: number): string {
  return `for (const until = performance.now() + ${ms}; performance.now() < until; );`;
}

import { decisionsUntil, type Quirk } from "./quirks.js";

/** Processes of the simulated host that the policy under test may hold; each must have one place in its versions' code. */
export const processes = ["background", "cron", "service", "workers"] as const;
/** What the policy that nobody touches holds all the time. */
export const bystanderHolds = "logger";
/** Threads of each process. */
export const threadCounts: Readonly<Record<string, number>> = {
  background: 1,
  cron: 1,
  service: 1,
  workers: 3,
  [bystanderHolds]: 1,
};

export type Language = "ts" | "js";

/** What the folder of the policy under test holds. */
export interface Content {
  readonly version: string;
  readonly language: Language;
  /** Processes that this version holds; the option `toggled` turns single ones around. */
  readonly holds: readonly string[];
  readonly quirk?: Quirk;
  /** Number of modules beside the entry. */
  readonly parts: number;
  /** No two contents have the same. */
  readonly serial: number;
}

/** A content with its options, as it is in force or should be. */
export interface Version {
  readonly content: Content;
  readonly toggled: readonly string[];
}

/** The processes that a content holds with these options. */
export function effectOf({ holds }: Pick<Content, "holds">, toggled: readonly string[]): readonly string[] {
  return processes.filter((name) => holds.includes(name) !== toggled.includes(name));
}

export function entryOf({ language }: Pick<Content, "language">): string {
  return `index.${language}`;
}

export function manifestOf(content: Content, name = "subject"): string {
  const sound = {
    kind: "policy",
    name,
    version: content.version,
    api: "^0.1.0",
    description: "Holds what its version says",
    entry: entryOf(content),
    options: {
      type: "object",
      additionalProperties: false,
      properties: { toggled: { type: "array", items: { enum: processes }, default: [] } },
    },
  };
  const text = JSON.stringify({ ...sound, ...content.quirk?.manifest }, undefined, 2);
  return `${text}\n`.replaceAll("SERIAL", String(content.serial));
}

/** Every file of a content by its path; the manifest first. */
export function filesOf(content: Content, name?: string): ReadonlyMap<string, string> {
  const parts = Array.from({ length: content.parts }, (_, part) => partOf(content, part));
  return new Map([["plugin.json", manifestOf(content, name)], ...parts, [entryOf(content), codeOf(content)]]);
}

function partOf({ language, serial }: Content, part: number): readonly [string, string] {
  const type = language === "ts" ? ": number" : "";
  return [`${language}/part-${part}.${language}`, `export const serial${type} = ${serial};\n`];
}

/** A policy that finds out at its import whether it is all of one piece. */
export function codeOf({ version, language, holds, quirk, parts, serial }: Content): string {
  const type = (annotation: string) => (language === "ts" ? annotation : "");
  const at = (place: Quirk["place"]) =>
    quirk?.place === place ? (quirk.code ?? "").replaceAll("SERIAL", String(serial)) : "";
  const numbers = Array.from({ length: parts }, (_, part) => part);
  return `${type('import type { HostSnapshot, Wish } from "vmmsched/plugin-api";')}
${numbers.map((part) => `import { serial as part${part} } from "./${language}/part-${part}.js";`).join("\n")}

${type("interface Options { readonly toggled: readonly string[] }\ninterface State { decided: number }")}
const holds${type(": readonly string[]")} = ${JSON.stringify(holds)};
const pieces${type(": readonly number[]")} = [${numbers.map((part) => `part${part}`).join(", ")}];
if (pieces.some((piece) => piece !== ${serial})) throw new Error(\`a mixture of \${pieces.join(" ")}\`);
let asked = 0;
${at("files")}
${at("import")}

export default {
  init(options${type(": Options")}, previous${type("?: State")})${type(": State")} {
    ${at("init")}
    console.log("took over", previous?.decided ?? 0);
    return { decided: previous?.decided ?? 0 };
  },
  decide(host${type(": HostSnapshot")}, options${type(": Options")}, state${type(": State")})${type(": readonly Wish[]")} {
    asked++;
    state.decided++;
    ${at("rehearsal")}
    if (asked === ${afterLive("later")}) { ${at("later")} }
    if (asked === ${afterLive("much later")}) { ${at("much later")} }
    return host.domains
      .flatMap((domain) => domain.processes)
      .filter(({ name }) => holds.includes(name) !== options.toggled.includes(name))
      .map((target) => ({ kind: "hold"${type(" as const")}, target, reason: "${version} of ${serial}" }));
  },
};
`;
}

/** The decision in which a fault shows; three more are made for rehearsal. */
function afterLive(place: "later" | "much later"): number {
  return 3 + decisionsUntil[place];
}

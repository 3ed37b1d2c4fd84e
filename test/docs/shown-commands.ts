import { runWith } from "../core/cli/command-line.js";

/** A command line of vmmsched that a document shows. */
export interface ShownCommand {
  readonly line: number;
  /** Without the program's name. */
  readonly words: readonly string[];
  /** It stands in a block of its own, to be typed; else it is mentioned in a sentence, and may lack its arguments. */
  readonly typed: boolean;
}

const program = /^\s*(?:\$ )?(?:vmmsched|node dist\/core\/main\.js) (.*)$/;

/** All command lines of vmmsched in a document: lines of its blocks of code, and code within its sentences. */
export function shownCommands(markdown: string): readonly ShownCommand[] {
  let inBlock = false;
  return markdown.split("\n").flatMap((text, index): ShownCommand[] => {
    if (text.trimStart().startsWith("```")) {
      inBlock = !inBlock;
      return [];
    }
    const shown = inBlock ? [text] : Array.from(text.matchAll(/`([^`]+)`/g), ([, code = ""]) => code);
    return shown.flatMap((code) => {
      const [, rest] = program.exec(code) ?? [];
      return rest === undefined ? [] : [{ line: index + 1, words: wordsOf(rest), typed: inBlock }];
    });
  });
}

/** Words as a shell makes them, up to a pipe, a comment, or the explanation that two spaces set off. */
function wordsOf(rest: string): readonly string[] {
  const [command = ""] = rest.split(/\s{2,}|\s#|\s[|>]/);
  return Array.from(command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g), ([, ...parts]) => parts.join(""));
}

interface Help {
  readonly commands: readonly string[];
  /** Does the option want a value? By each of its spellings. */
  readonly options: ReadonlyMap<string, boolean>;
  /** How many arguments it wants, and takes. */
  readonly fewest: number;
  readonly most: number;
}

/** What is wrong with a command line, by what the program's own help says; undefined: nothing. */
export async function complaint({ words, typed }: Omit<ShownCommand, "line">): Promise<string | undefined> {
  const command: string[] = [];
  let help = await helpOf(command);
  const rest = [...words];
  while (help.commands.includes(rest[0] ?? "")) {
    command.push(rest.shift() ?? "");
    help = await helpOf(command);
  }
  const name = ["vmmsched", ...command].join(" ");
  let given = 0;
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (!word.startsWith("-")) {
      given++;
      continue;
    }
    const wantsValue = help.options.get(word);
    if (wantsValue === undefined) return `${name} has no option ${word}`;
    if (wantsValue && rest.shift() === undefined) return `${name} ${word} wants a value`;
  }
  if (help.commands.length > 0) return given > 0 ? `${name} has no command of that name` : undefined;
  if (given > help.most) return `${name} takes ${help.most} arguments`;
  return typed && given < help.fewest ? `${name} wants ${help.fewest} arguments` : undefined;
}

const known = new Map<string, Promise<Help>>();

function helpOf(command: readonly string[]): Promise<Help> {
  const key = command.join(" ");
  const help = known.get(key) ?? readHelp(command);
  known.set(key, help);
  return help;
}

async function readHelp(command: readonly string[]): Promise<Help> {
  const { stdout } = await runWith({}, ...command, "--help");
  const section = (title: string) => new RegExp(`^${title}:\\n((?: .*\\n)*)`, "m").exec(stdout)?.[1] ?? "";
  const commands = Array.from(section("Commands").matchAll(/^ {2}(\w\S*)/gm), ([, name = ""]) => name);
  const options = Array.from(
    section("Options").matchAll(/^ {2}(-.*?)(?: {2}|$)/gm),
    ([, spelling = ""]) => spelling,
  ).flatMap((spelling) =>
    Array.from(
      spelling.matchAll(/--?[a-zA-Z][\w-]*/g),
      ([option]) => [option, spelling.includes("<")] as const,
    ),
  );
  const [usage = ""] = stdout.split("\n");
  const fewest = usage.match(/<[^>]+>/g)?.length ?? 0;
  const optional = usage.replace("[options]", "").match(/\[[^\]]+\]/g)?.length ?? 0;
  const most = usage.includes("...") ? Number.POSITIVE_INFINITY : fewest + optional;
  return { commands: commands.filter((name) => name !== "help"), options: new Map(options), fewest, most };
}

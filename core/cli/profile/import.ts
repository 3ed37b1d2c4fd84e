import { Command, InvalidArgumentError } from "commander";
import type { CommandBuilder } from "../command.js";
import { putLayout } from "./layout-output.js";

const examples = `
FILE is the PDB of ntoskrnl.exe, or an ISF that Volatility 3 made of it (.json or .json.xz). profile show and ps name
the GUID of a kernel that no layout is known of; a symbol server has its PDB under that GUID. Put the layout into the
folder layouts of a copy of the guest profile windows.

Examples:
  vmmsched profile import ntkrnlmp.pdb --build 10.0.19045.3448 -o layouts/10.0.19045.3448.json
  vmmsched profile import 5278AFF86C341677D7D7835C85B7B844-1.json.xz`;

interface ImportOptions {
  readonly build?: string;
  readonly output?: string;
}

/** `vmmsched profile import`: the layout of a Windows kernel from its published symbols. */
export const importCommand: CommandBuilder = (composition, terminal) =>
  new Command("import")
    .description("Make a layout file for the Windows profile from a kernel's PDB or ISF")
    .argument("<file>", "the symbols: .pdb, .json or .json.xz")
    .option("--build <version>", "version of ntoskrnl.exe, such as 10.0.19041.804", version)
    .option("-o, --output <file>", "where to write the layout (default: standard output)")
    .addHelpText("after", examples)
    .action(async (symbols: string, { build, output }: ImportOptions) => {
      const source = build === undefined ? { symbols } : { symbols, build };
      putLayout(await composition.layout(source), output, terminal);
    });

function version(text: string): string {
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(text))
    throw new InvalidArgumentError("Give four numbers, such as 10.0.19041.804.");
  return text;
}

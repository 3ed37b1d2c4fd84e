import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { messageOf, VmmschedError } from "../../errors.js";
import type { CommandBuilder } from "../command.js";

const examples = `
The kernel's uncompressed ELF file: vmlinux of a build or of a debug package, or what extract-vmlinux makes of
vmlinuz. Put the layout into the folder layouts of a copy of the guest profile linux.

Examples:
  vmmsched profile build --vmlinux vmlinux -o layouts/my-kernel.json`;

interface BuildOptions {
  readonly vmlinux: string;
  readonly output?: string;
}

/** `vmmsched profile build`: the layout of a kernel from its file, for kernels without kallsyms or BTF in memory. */
export const buildCommand: CommandBuilder = (composition, terminal) =>
  new Command("build")
    .description("Make a layout file for the Linux profile from a kernel's ELF file")
    .requiredOption("--vmlinux <file>", "the kernel's uncompressed ELF file")
    .option("-o, --output <file>", "where to write the layout (default: standard output)")
    .addHelpText("after", examples)
    .action(async ({ vmlinux, output }: BuildOptions) => {
      const layout = await composition.linuxLayout(vmlinux);
      const text = `${JSON.stringify(layout, undefined, 2)}\n`;
      if (output === undefined) terminal.stdout(text);
      else write(output, text);
    });

/** Replaces no file. */
function write(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: "wx" });
  } catch (error) {
    throw new VmmschedError("ERR_USAGE", `${file} cannot be written: ${messageOf(error)}`);
  }
}

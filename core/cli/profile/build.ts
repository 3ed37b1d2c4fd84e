import { Command } from "commander";
import type { CommandBuilder } from "../command.js";
import { putLayout } from "./layout-output.js";

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
      putLayout(await composition.layout({ vmlinux }), output, terminal);
    });

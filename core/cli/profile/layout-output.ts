import { writeFileSync } from "node:fs";
import { messageOf, VmmschedError } from "../../errors.js";
import type { Terminal } from "../terminal.js";

/** Writes a layout to a file, which must not be there yet, or prints it. Throws ERR_USAGE. */
export function putLayout(layout: object, output: string | undefined, terminal: Terminal): void {
  const text = `${JSON.stringify(layout, undefined, 2)}\n`;
  if (output === undefined) {
    terminal.stdout(text);
    return;
  }
  try {
    writeFileSync(output, text, { flag: "wx" });
  } catch (error) {
    throw new VmmschedError("ERR_USAGE", `${output} cannot be written: ${messageOf(error)}`);
  }
}

import { InvalidArgumentError, type Command } from "commander";
import type { DriverName } from "../config/schema.js";
import { VmmschedError } from "../errors.js";
import { driverOption } from "./command.js";
import type { ImageSource } from "./composition.js";

/** What a command takes that looks at a host or at an image of memory. */
export interface PlaceOptions {
  readonly driver?: DriverName;
  readonly image?: string;
  readonly split?: number;
}

const giB = 2 ** 30;
const units: Readonly<Record<string, number>> = { "": giB, G: giB, M: 2 ** 20 };

export function withPlaceOptions(command: Command): Command {
  return command
    .addOption(driverOption().conflicts("image"))
    .option(
      "--image <file>",
      "look at an image of memory: raw RAM, an ELF core of QEMU or Xen, or a crash dump of Windows",
    )
    .option(
      "--split <size>",
      "raw RAM: how much lies below 4 GiB, such as 2G (default: as on machine pc)",
      splitBytes,
    );
}

/** Where to look. Throws ERR_USAGE. */
export function placeOf(
  { driver, image, split }: PlaceOptions,
  configured: DriverName,
): DriverName | ImageSource {
  if (image !== undefined) return { image, ...(split === undefined ? {} : { splitBytes: split }) };
  if (split !== undefined)
    throw new VmmschedError("ERR_USAGE", "--split says how an image lies: give --image too");
  return driver ?? configured;
}

function splitBytes(text: string): number {
  const [, number = "", unit = "?"] = /^(\d+(?:\.\d+)?)([GM]?)$/.exec(text) ?? [];
  const bytes = Number(number) * (units[unit] ?? Number.NaN);
  if (!(bytes > 0 && bytes <= 4 * giB) || bytes % 4096 !== 0)
    throw new InvalidArgumentError("Give a size up to 4G, such as 2G, 2.75G or 3072M.");
  return bytes;
}

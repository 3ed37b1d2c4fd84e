import { InvalidArgumentError, Option, type Command } from "commander";
import { configSchema } from "../config/schema.js";
import type { Composition } from "./composition.js";
import type { Terminal } from "./terminal.js";

/** Builds a command; `finish` sets the exit code of a command that ends without an error. */
export type CommandBuilder = (
  composition: Composition,
  terminal: Terminal,
  finish: (exitCode: number) => void,
) => Command;

/** Takes the place of the configuration's `driver`. */
export function driverOption(): Option {
  return new Option("--driver <name>", "hypervisor driver").choices(configSchema.properties.driver.enum);
}

/** Parser of an option's value that must be a whole number from 1 on. */
export function count(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError("Give a whole number from 1 on.");
  return value;
}

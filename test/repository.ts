import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Path of a file of the repository; tests run from dist/test. */
export function inRepository(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

export function readInRepository(path: string): string {
  return readFileSync(inRepository(path), "utf8");
}

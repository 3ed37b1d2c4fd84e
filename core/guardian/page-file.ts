import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { MappedFile } from "./mapped-file.js";

const pattern = /^guardian-\d+\.page$/;

/** Of the scheduler with this process id. It outlives both its processes, so that what they owe can be paid by the next ones. */
export function pageFile(directory: string, scheduler: number): string {
  return join(directory, `guardian-${scheduler}.page`);
}

/** Pages of schedulers that have died together with their guardians: locked by us, until they are disposed. */
export function orphanedPages(directory: string, own: string, bytes: number): readonly MappedFile[] {
  return readdirSync(directory)
    .filter((file) => pattern.test(file) && join(directory, file) !== own)
    .map((file) => new MappedFile(join(directory, file), bytes))
    .filter((page) => page.lock());
}

export function removePage(page: MappedFile): void {
  rmSync(page.path, { force: true });
  page[Symbol.dispose]();
}

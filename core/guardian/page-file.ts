import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { MappedFile } from "./mapped-file.js";

const pattern = /^guardian-\d+\.page$/;

/** Of the scheduler with this process id. It outlives both its processes, so that what they owe can be paid by the next ones. */
export function pageFile(directory: string, scheduler: number): string {
  return join(directory, `guardian-${scheduler}.page`);
}

/** Paths of the pages that others have left, or use. */
export function otherPages(directory: string, own: string): readonly string[] {
  return readdirSync(directory)
    .filter((file) => pattern.test(file))
    .map((file) => join(directory, file))
    .filter((path) => path !== own);
}

/** Those of schedulers that have died together with their guardians, and not opened yet: locked by us, until they are disposed. */
export function orphanedPages(directory: string, own: string, bytes: number): readonly MappedFile[] {
  return otherPages(directory, own).flatMap((path) => {
    const page = new MappedFile(path, bytes);
    if (page.lock()) return [page];
    page[Symbol.dispose]();
    return [];
  });
}

export function removePage(page: MappedFile): void {
  rmSync(page.path, { force: true });
  page[Symbol.dispose]();
}

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { format, resolveConfig } from "prettier";
import { inRepository, readInRepository } from "./repository.js";

/**
 * Is `file` the schema that the program checks with? With VMMSCHED_UPDATE_GOLDEN=1 in the environment it is written
 * anew instead.
 */
export async function assertPublished(file: string, schema: object): Promise<void> {
  if (process.env.VMMSCHED_UPDATE_GOLDEN === "1") {
    const path = inRepository(file);
    const style = (await resolveConfig(path)) ?? {};
    writeFileSync(path, await format(JSON.stringify(schema, null, 2), { ...style, filepath: path }));
  }
  assert.deepEqual(JSON.parse(readInRepository(file)), schema);
}

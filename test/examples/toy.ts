import { readdirSync } from "node:fs";
import type { ConfiguredProfile } from "../../core/plugins/configure.js";
import { inRepository, readInRepository } from "../repository.js";
import toy, { type Options } from "./guest-profiles/toy/index.js";

/** Folder of the example, relative to the repository. */
export const toyFolder = "test/examples/guest-profiles/toy";

/** The example's layout files as the loader hands them over. */
export function toyLayouts(): ReadonlyMap<string, unknown> {
  const names = readdirSync(inRepository(`${toyFolder}/layouts`)).map((name) => `layouts/${name}`);
  return new Map(
    names.map((name) => [name, JSON.parse(readInRepository(`${toyFolder}/${name}`)) as unknown]),
  );
}

/** The example, configured. */
export function toyProfile(
  version = "1.0.0",
  attach: (typeof toy)["attach"] = toy.attach,
): ConfiguredProfile & { readonly options: Options } {
  const options: Options = { protect: ["guarded"] };
  const profile = {
    attach: (...[domain, , layouts]: Parameters<typeof attach>) => attach(domain, options, layouts),
  };
  return { name: "toy", version, hash: `toy ${version}`, profile, options, layouts: toyLayouts() };
}

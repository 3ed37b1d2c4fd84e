import { pointer } from "../config/source-document.js";
import type { LoadedManifest } from "../plugins/manifest.js";
import type { Findings } from "./check-report.js";

/** Options to try a plugin with: complete, with defaults filled in. */
export interface ExampleOptions extends Findings {
  readonly options: readonly unknown[];
}

/**
 * The `examples` in the JSON Schema of a plugin's options; where there are none, no options at all, if the plugin takes
 * that. Each is checked as an operator's options would be.
 */
export function exampleOptions({ manifest, checkOptions }: LoadedManifest): ExampleOptions {
  const { examples } = (manifest.options ?? {}) as { readonly examples?: readonly unknown[] };
  const options = structuredClone(examples ?? [{}]);
  const problems = options.flatMap((example, index) =>
    checkOptions(example).map(
      ({ path, text }) => `/options/examples/${String(index)}${rest(path)}\n  ${text}`,
    ),
  );
  if (examples !== undefined || problems.length === 0) return { options, problems, notes: [] };
  const advice =
    "/options\n  some options have no default, and there is no example of them to try the plugin with;\n" +
    '  add "examples": [{ ... }] to /options in plugin.json';
  return { options, problems: [advice], notes: [] };
}

function rest(path: readonly (string | number)[]): string {
  return path.length === 0 ? "" : pointer(path);
}

/** What a test runner must offer: mocha, node:test and their like do. */
export interface TestFramework {
  readonly describe: (title: string, body: () => void) => unknown;
  readonly it: (title: string, body: () => void | Promise<void>) => unknown;
}

/** The runner whose `describe` and `it` are global (mocha), or else node's own. */
export function presentFramework(): TestFramework {
  const { describe, it } = globalThis as Partial<TestFramework>;
  if (describe !== undefined && it !== undefined) return { describe, it };
  return process.getBuiltinModule("node:test");
}

/** Memory and handles of the thread that asks; garbage is collected first where node was started with `--expose-gc`. */
export interface ThreadFigures {
  readonly heapUsedBytes: number;
  /** What keeps the thread's event loop alive, by kind. */
  readonly handles: Readonly<Record<string, number>>;
}

export function threadFigures(): ThreadFigures {
  globalThis.gc?.();
  const handles: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) handles[kind] = (handles[kind] ?? 0) + 1;
  return { heapUsedBytes: process.memoryUsage().heapUsed, handles };
}

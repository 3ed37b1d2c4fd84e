/**
 * What one call of a profile may cost, whatever the guest says. Reads are words that are read one by one, and frames that are
 * copied. A word takes some 20 ns: a scan of this limit, 100 ms.
 */
export const mostReadsOf = { attach: 40e6, scan: 5e6, plan: 1e6, findings: 20e6 } as const;

/** The largest buffer: the copy of a kernel's image. Larger is none. */
export const mostBufferBytes = 256 * 2 ** 20;

/** Rows of a snapshot, as `maxTasks` sets it. */
export const mostTasks = 4096;

/** Priorities as POSIX has them: an integer from the greatest share of the CPU to the smallest. */
export const leastNice = -20;
export const mostNice = 19;
/** Stands for no wish of a priority; less than any nice value. */
export const noNice = leastNice - 1;

export function isNice(value: unknown): value is number {
  return Number.isInteger(value) && leastNice <= (value as number) && (value as number) <= mostNice;
}

/** What else in the process may grow meanwhile: guests' memory that is mapped, other policies that are loaded. */
const slackBytes = 512 * 2 ** 20;

/**
 * Sees that the process grows while one policy is at work without a break. Its thread cannot tell then, and would not
 * be heard; nobody can say for certain whose memory it is.
 */
export class GrowthWatch {
  #since: { readonly work: number; readonly bytes: number } | undefined;

  constructor(private readonly memoryMb: number) {}

  /** `work` names what the policy is busy with; undefined: nothing. To be asked a few times a second. */
  complaint(work: number | undefined): string | undefined {
    if (work === undefined) {
      this.#since = undefined;
      return undefined;
    }
    const bytes = process.memoryUsage.rss();
    if (this.#since?.work !== work) this.#since = { work, bytes };
    const grownBytes = bytes - this.#since.bytes;
    if (grownBytes <= this.memoryMb * 2 ** 20 + slackBytes) return undefined;
    return `the process grew by ${Math.round(grownBytes / 2 ** 20)} MB while it was at work (policyMemoryMb is ${this.memoryMb})`;
  }
}

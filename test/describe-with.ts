import { describe, it } from "mocha";

/**
 * A suite that needs something of the machine. Where it is missing the suite fails in CI, and elsewhere it is pending
 * with the reason in its title: it is never passed in silence.
 */
export function describeWith(title: string, missing: string | undefined, suite: () => void): void {
  if (missing === undefined) {
    describe(title, suite);
  } else if (process.env.CI) {
    it(title, () => {
      throw new Error(missing);
    });
  } else {
    it.skip(`${title} (${missing})`, () => undefined);
  }
}

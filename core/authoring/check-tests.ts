import type { Findings } from "./check-report.js";
import { stagedName } from "./javascript.js";
import { runProgram } from "./run-program.js";
import { copyRunnable, filesOf, isTest, withAuthorsPaths } from "./runnable-copy.js";

/**
 * Runs the tests in a plugin's folder (`*.test.ts`, `*.test.js`) with the test runner of Node.js, in a copy of the
 * folder: the new `directory`.
 */
export async function checkOwnTests(folder: string, directory: string, longestMs: number): Promise<Findings> {
  const tests = filesOf(folder).filter(isTest).map(stagedName);
  if (tests.length === 0)
    return { problems: [], notes: ["none; write index.test.ts (vmmsched/testing helps)"] };
  const copy = { folder, directory };
  copyRunnable(copy);
  const args = ["--test", "--test-reporter=spec", ...tests];
  const { exitCode, output } = await runProgram(args, directory, longestMs);
  const said = withAuthorsPaths(output.trim(), copy);
  if (exitCode === undefined) {
    const seconds = String(longestMs / 1000);
    return { problems: [`they did not end within ${seconds} s; what they printed:\n${said}`], notes: [] };
  }
  if (exitCode !== 0) return { problems: [failuresIn(said)], notes: [] };
  return { problems: [], notes: [`${/^ℹ pass (\d+)$/m.exec(said)?.[1] ?? "all"} passed`] };
}

/** The reporter tells every failure twice: in the course of the tests, and together at the end. */
function failuresIn(output: string): string {
  const start = output.indexOf("✖ failing tests:");
  return (start < 0 ? output : output.slice(start)).trim();
}

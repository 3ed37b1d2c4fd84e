import { stagedName } from "../plugins/modules.js";
import type { Staging } from "../plugins/staging.js";
import type { Findings } from "./check-report.js";
import { filesOf, isTest, runnableFiles, withAuthorsPaths } from "./plugin-files.js";
import { runProgram } from "./run-program.js";

/** Runs the tests in a plugin's folder (`*.test.ts`, `*.test.js`) with the test runner of Node.js, in a staged copy. */
export async function checkOwnTests(folder: string, staging: Staging, longestMs: number): Promise<Findings> {
  const tests = filesOf(folder).filter(isTest).map(stagedName);
  if (tests.length === 0)
    return { problems: [], notes: ["none; write index.test.ts (vmmsched/testing helps)"] };
  const directory = staging.write("tests", runnableFiles(folder));
  const args = ["--test", "--test-reporter=spec", ...tests];
  const { exitCode, output } = await runProgram(args, directory, longestMs);
  const said = withAuthorsPaths(output.trim(), folder, directory);
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

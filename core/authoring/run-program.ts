import { spawn } from "node:child_process";

export interface Ended {
  /** Undefined when it took too long. */
  readonly exitCode: number | undefined;
  /** Standard output and standard error, as they came. */
  readonly output: string;
}

/** What is kept of an output that does not end. */
const longestOutput = 1_000_000;

/** Runs a program of Node.js in `directory`; it and all that it has started are killed after `longestMs`. */
export function runProgram(args: readonly string[], directory: string, longestMs: number): Promise<Ended> {
  // A group of its own, so that its children end with it.
  const child = spawn(process.execPath, args, {
    cwd: directory,
    // A test runner that this runs under is none of the program's business.
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, NO_COLOR: "1", FORCE_COLOR: "0" },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let output = "";
  const keep = (text: string) => {
    if (output.length < longestOutput) output += text;
  };
  child.stdout.setEncoding("utf8").on("data", keep);
  child.stderr.setEncoding("utf8").on("data", keep);
  return new Promise((resolve, reject) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    }, longestMs);
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once("close", (exitCode) => {
      clearTimeout(timer);
      resolve({ exitCode: late ? undefined : (exitCode ?? 1), output });
    });
  });
}

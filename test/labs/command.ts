import { spawn } from "node:child_process";

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: Buffer | string;
  /** What to tell the reader to do if the command fails. */
  readonly advice?: string;
}

/** Runs a program of the host and returns its standard output; a failure throws with what it printed. */
export async function run(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Buffer> {
  const { code, stdout, stderr } = await attempt(program, args, options);
  if (code !== 0) {
    const advice = options.advice === undefined ? "" : `\n${options.advice}`;
    throw new Error(`${[program, ...args].join(" ")} ended with ${code}:\n${stderr.trim()}${advice}`);
  }
  return stdout;
}

export interface Outcome {
  /** The exit code; 127 if the program could not be started. */
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export function attempt(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: options.cwd, env: options.env ?? process.env });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const finish = (code: number, extra = ""): void =>
      resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() + extra });
    child.stdout.on("data", (bytes: Buffer) => stdout.push(bytes));
    child.stderr.on("data", (bytes: Buffer) => stderr.push(bytes));
    child.on("error", (error) => finish(127, error.message));
    child.on("close", (code) => finish(code ?? 128));
    // A program that doesn't read its input closes the pipe; its exit code tells the rest.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
  });
}

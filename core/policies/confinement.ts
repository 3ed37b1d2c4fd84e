import { format } from "node:util";
import { VmmschedError } from "../errors.js";
import type { ConsoleLevel } from "./thread-messages.js";

const linesPerSecond = 20;
const lineLength = 1000;

/** What would end or change the whole process, and what leads to modules of Node.js past the checks. */
const ofTheProcess = [
  "abort",
  "binding",
  "chdir",
  "dlopen",
  "exit",
  "getBuiltinModule",
  "initgroups",
  "kill",
  "reallyExit",
  "setegid",
  "seteuid",
  "setgid",
  "setgroups",
  "setuid",
  "umask",
  "_debugEnd",
  "_debugProcess",
  "_kill",
  "_linkedBinding",
];
/** The thread never returns to its event loop: they would do nothing, silently, and their memory would never be freed. */
const ofTheEventLoop = ["setTimeout", "setInterval", "setImmediate", "fetch"];

const unmeasured = "V8 does not tell how much memory it takes";

const ofPolicies = { who: "policies", code: "ERR_POLICY_FAILED" } as const;
const ofProfiles = { who: "guest profiles", code: "ERR_PROFILE_FAILED" } as const;
type Confined = typeof ofPolicies | typeof ofProfiles;

/**
 * Keeps a policy's mistakes in its thread: what would harm others throws, and what it prints goes to `print`. To be
 * called in a policy's thread, before its code is loaded. It is no sandbox: code that means to get around it can.
 */
export function confine(print: (level: ConsoleLevel, text: string) => void): void {
  confineToThread(ofPolicies);
  for (const name of ofTheEventLoop)
    forbid(globalThis, name, ofPolicies, `${name}()`, "no I/O, no timers; time is host.timeNs");
  forbid(globalThis, "SharedArrayBuffer", ofPolicies, "SharedArrayBuffer", unmeasured);
  const webAssembly = Reflect.get(globalThis, "WebAssembly") as object;
  forbid(webAssembly, "Memory", ofPolicies, "WebAssembly.Memory", unmeasured);
  redirectConsole(print);
}

/** The same for a guest profile in a thread in which it is only tried; what it prints there is dropped. */
export function confineTrial(): void {
  confineToThread(ofProfiles);
  redirectConsole(() => undefined);
}

function confineToThread(confined: Confined): void {
  for (const name of ofTheProcess)
    forbid(process, name, confined, `process.${name}()`, "they live in the scheduler's process");
}

function forbid(owner: object, name: string, { who, code }: Confined, what: string, why: string): void {
  // No arrow function: some are called with `new`.
  const value = function () {
    throw new VmmschedError(code, `${what} is not for ${who}: ${why}`);
  };
  Object.defineProperty(owner, name, { value, writable: false, configurable: false });
}

/** Node would print from the event loop, to which this thread does not return. */
function redirectConsole(print: (level: ConsoleLevel, text: string) => void): void {
  let secondBegan = Number.NEGATIVE_INFINITY;
  let lines = 0;
  const redirect =
    (level: ConsoleLevel) =>
    (...args: readonly unknown[]): true => {
      const nowMs = performance.now();
      if (nowMs - secondBegan >= 1000) {
        secondBegan = nowMs;
        lines = 0;
      }
      lines++;
      if (lines < linesPerSecond) print(level, format(...args).slice(0, lineLength));
      if (lines === linesPerSecond) print("warn", `more than ${linesPerSecond} lines in a second: left out`);
      return true;
    };
  const [info, warn, error] = [redirect("info"), redirect("warn"), redirect("error")];
  Object.assign(console, { log: info, info, debug: info, warn, error });
  Object.assign(process.stdout, { write: info });
  Object.assign(process.stderr, { write: error });
}

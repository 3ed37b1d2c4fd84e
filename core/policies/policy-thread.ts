/** The thread of one policy: loads it, rehearses it, and answers the cycle for as long as it lives. */
import { format } from "node:util";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { VmmschedError, messageOf } from "../errors.js";
import type { Policy } from "../policy.js";
import { HostColumns } from "../snapshot/host-columns.js";
import { Questioner } from "./answer.js";
import { PolicyChannel } from "./channel.js";
import type { FaultReport, FromPolicy, PolicyThreadData, ToPolicy } from "./thread-messages.js";
import { WishColumns } from "./wish-columns.js";

if (parentPort === null) throw new Error("policy-thread runs as a worker");
const port = parentPort;
const data = workerData as PolicyThreadData;
const channel = new PolicyChannel(data.channel);
const shared = new HostColumns(data.host);
const { capacity } = data.channel;
/** The policy works on a copy: it cannot spoil what others see, nor see half of a snapshot. */
const own = HostColumns.private(capacity);
const questioner = new Questioner(own);

/** Ticks of a rehearsal: code that runs for the first time is slow, and what fails at once should fail before it counts. */
const rehearsalTicks = 3;
const consoleLinesPerCall = 20;
const consoleLineLength = 1000;

let consoleLines = 0;
let state: unknown;

function post(message: FromPolicy): void {
  port.postMessage(message);
}

/** This thread does not return to its event loop, where node would print: lines go to the log instead. */
function redirectConsole(): void {
  const redirect =
    (level: "info" | "warn" | "error") =>
    (...args: readonly unknown[]) => {
      if (consoleLines++ >= consoleLinesPerCall) return;
      post({ type: "console", level, text: format(...args).slice(0, consoleLineLength) });
    };
  Object.assign(console, {
    log: redirect("info"),
    info: redirect("info"),
    debug: redirect("info"),
    warn: redirect("warn"),
    error: redirect("error"),
  });
}

async function load(): Promise<Policy> {
  const module = (await import(data.entryUrl)) as { readonly default?: unknown };
  const policy = module.default;
  if (
    typeof policy === "object" &&
    policy !== null &&
    "decide" in policy &&
    typeof policy.decide === "function"
  )
    return policy as Policy;
  throw new VmmschedError(
    "ERR_PLUGIN_INVALID",
    "its default export has no function decide, as a policy's must",
  );
}

/** Its own copy each time: what a policy does to its options is soon forgotten. */
function freshState(policy: Policy, previous: unknown): unknown {
  return policy.init?.(structuredClone(data.options), structuredClone(previous));
}

/** A copy of the present snapshot, even while the cycle writes one every few milliseconds. */
function copyHost(): boolean {
  for (let i = 0; i < 1000; i++) if (own.copyFrom(shared)) return true;
  return false;
}

function rehearse(policy: Policy): void {
  const rehearsed = freshState(policy, data.previous);
  const answer = new WishColumns(new ArrayBuffer(WishColumns.bytes(capacity)), capacity);
  for (let i = 0; i < rehearsalTicks; i++) {
    if (copyHost()) questioner.ask(policy, structuredClone(data.options), rehearsed, answer);
  }
}

function report(error: unknown, during: FaultReport["during"]): void {
  const fault: FaultReport = {
    message: messageOf(error),
    stack: error instanceof Error ? (error.stack ?? "") : "",
    during,
    ...(during === "decide" ? { host: own.buffers, ...copyableState() } : {}),
  };
  post({ type: "fault", fault });
}

function copyableState(): { readonly state?: unknown } {
  try {
    return { state: structuredClone(state) };
  } catch {
    return {};
  }
}

function handOver(): void {
  try {
    post({ type: "state", state });
  } catch (error) {
    post({ type: "state", state: undefined, problem: messageOf(error) });
  }
}

/** Answers until the thread is ended from outside. After a failure it only says that it has failed. */
function serve(policy: Policy): void {
  const options = structuredClone(data.options);
  let answering = false;
  let failed = false;
  for (;;) {
    const wakeCount = channel.wakeCount();
    consoleLines = 0;
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      const message = next.message as ToPolicy;
      if (message.type === "hand over") handOver();
      else {
        try {
          state = freshState(policy, message.previous);
          answering = true;
          post({ type: "started" });
        } catch (error) {
          report(error, "init");
        }
      }
    }
    const { asked } = channel;
    if (!answering || asked === channel.answered) {
      channel.sleep(wakeCount);
      continue;
    }
    // A snapshot that is being written again already: the cycle has gone on, and asks anew.
    if (!failed && (!own.copyFrom(shared) || own.generation !== asked)) {
      channel.answer(asked, true);
      continue;
    }
    if (!failed) {
      try {
        questioner.ask(policy, options, state, channel.wishes);
      } catch (error) {
        failed = true;
        report(error, "decide");
      }
    }
    channel.answer(asked, failed);
  }
}

redirectConsole();
let stage: FaultReport["during"] = "import";
try {
  const policy = await load();
  stage = "rehearsal";
  rehearse(policy);
  post({ type: "ready" });
  serve(policy);
} catch (error) {
  report(error, stage);
}

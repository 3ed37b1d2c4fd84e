/** The thread of one policy: loads it, rehearses it, and answers the cycle for as long as it lives. */
import { deserialize, serialize } from "node:v8";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { messageOf } from "../errors.js";
import { importPolicy } from "../plugins/load-policy.js";
import type { Policy } from "../policy.js";
import { HostColumns } from "../snapshot/host-columns.js";
import { Questioner } from "./answer.js";
import { PolicyChannel } from "./channel.js";
import { confine } from "./confinement.js";
import { faultReport, textOf } from "./fault-report.js";
import { MemoryMeter } from "./memory-meter.js";
import type {
  FaultReport,
  FromPolicy,
  PackedState,
  PolicyThreadData,
  Stage,
  ToPolicy,
} from "./thread-messages.js";
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
const memory = new MemoryMeter(data.memoryMb, "ERR_POLICY_FAILED");
/** A word to sleep on that nobody wakes. */
const nobody = new Int32Array(new SharedArrayBuffer(4));

/** Ticks of a rehearsal: code that runs for the first time is slow, and what fails at once should fail before it counts. */
const rehearsalTicks = 3;
/** To get hold of a snapshot for it, while the cycle may be writing one. */
const copyAttempts = 100;
const largestStateBytes = 16 * 2 ** 20;

let stage: FaultReport["during"] = "import";
let state: unknown;
let answering = false;
let failed = false;

function post(message: FromPolicy): void {
  port.postMessage(message);
}

/** Told before it is done: who waits for a thread that loops then knows where. */
function enter(next: Stage): void {
  stage = next;
  post({ type: "stage", stage: next });
}

/** Its own copy each time: what a policy does to its options is soon forgotten. */
function freshState(policy: Policy, previous: PackedState | undefined): unknown {
  enter("init");
  return policy.init?.(
    structuredClone(data.options),
    previous === undefined ? undefined : deserialize(previous),
  );
}

/** A copy of the present snapshot, even while the cycle writes one every few milliseconds. */
function copyHost(): boolean {
  for (let i = 0; i < copyAttempts; i++) {
    if (own.copyFrom(shared)) return true;
    Atomics.wait(nobody, 0, 0, 1);
  }
  return false;
}

function rehearse(policy: Policy): void {
  state = freshState(policy, data.previous);
  enter("rehearsal");
  const answer = new WishColumns(new ArrayBuffer(WishColumns.bytes(capacity)), capacity);
  for (let i = 0; i < rehearsalTicks; i++) {
    if (copyHost()) questioner.ask(policy, structuredClone(data.options), state, answer);
  }
  stage = "memory";
  memory.check();
  state = undefined;
}

function report(error: unknown, during: FaultReport["during"]): void {
  failed = true;
  const asked = during === "decide" || during === "rehearsal";
  const fault: FaultReport = {
    ...faultReport(error, during),
    ...(asked ? { host: own.buffers, ...packedState() } : {}),
  };
  post({ type: "fault", fault });
}

function packedState(): { readonly state?: PackedState; readonly problem?: string } {
  if (state === undefined) return {};
  try {
    const packed = serialize(state);
    if (packed.byteLength <= largestStateBytes) return { state: packed };
    return { problem: `it has ${packed.byteLength} bytes; ${largestStateBytes} can be handed over` };
  } catch (error) {
    return { problem: textOf(() => messageOf(error)) };
  }
}

function receive(policy: Policy): boolean {
  const received = receiveMessageOnPort(port);
  if (received === undefined) return false;
  const message = received.message as ToPolicy;
  if (message.type === "hand over") post({ type: "state", ...packedState(), generation: channel.answered });
  else {
    try {
      state = freshState(policy, message.previous);
      enter("decide");
      answering = true;
      post({ type: "started" });
    } catch (error) {
      report(error, "init");
    }
  }
  return true;
}

/** Answers what is asked, if anything. After a failure it only says that it has failed. */
function answer(policy: Policy, options: unknown): boolean {
  const { asked } = channel;
  if (!answering || asked === channel.answered) return false;
  try {
    // A snapshot that is being written again already: the cycle has gone on, and asks anew.
    const present = !failed && own.copyFrom(shared) && own.generation === asked;
    if (present) questioner.ask(policy, options, state, channel.wishes);
    channel.answer(asked, !present);
  } catch (error) {
    channel.answer(asked, true);
    report(error, "decide");
    return true;
  }
  try {
    if (!failed) memory.check();
  } catch (error) {
    report(error, "memory");
  }
  return true;
}

/** Until the thread is ended from outside. What is asked comes first: a state that is handed over knows of it. */
function serve(policy: Policy): void {
  const options = structuredClone(data.options);
  for (;;) {
    const wakeCount = channel.wakeCount();
    if (!answer(policy, options) && !receive(policy)) channel.sleep(wakeCount);
  }
}

// Node would end the thread by functions that are forbidden in it, and take the process along.
process.on("uncaughtException", (error) => {
  report(error, stage);
});
confine((level, text) => {
  post({ type: "console", level, text });
});
try {
  enter("import");
  const policy = await importPolicy(data.entryUrl);
  rehearse(policy);
  post({ type: "ready" });
  serve(policy);
} catch (error) {
  report(error, stage);
}

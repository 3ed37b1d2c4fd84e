import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { callError, unavailableError } from "./call-error.js";
import { isObject, type Json, type JsonObject, type Qmp } from "./qmp.js";

/** The process that is the machine. */
export interface QemuProcess {
  readonly pid: number;
  /** Clock ticks from the host's boot to its start (proc(5), stat field 22): with the pid it names one process for ever. */
  readonly startTicks: number;
  /** Thread ids of the vCPUs, each once: with one emulating thread all vCPUs share it. */
  readonly vcpuThreads: readonly number[];
  readonly vcpuCount: number;
}

const noUuid = "00000000-0000-0000-0000-000000000000";
const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function readProcess(qmp: Qmp): QemuProcess {
  const answer = qmp.execute("query-cpus-fast");
  const threads = Array.isArray(answer)
    ? (answer as readonly Json[]).map((cpu) => (isObject(cpu) ? cpu["thread-id"] : undefined))
    : [];
  const numbers = threads.filter((id): id is number => typeof id === "number" && id > 0);
  const [first] = numbers;
  if (first === undefined || numbers.length !== threads.length)
    throw callError("query-cpus-fast", qmp.path, "it names no thread for each vCPU");
  return { ...processOf(first, qmp.path), vcpuThreads: [...new Set(numbers)], vcpuCount: numbers.length };
}

/** The same process still? */
export function isAlive({ pid, startTicks }: Pick<QemuProcess, "pid" | "startTicks">): boolean {
  try {
    return startOf(pid) === startTicks;
  } catch {
    return false;
  }
}

function processOf(thread: number, path: string): { pid: number; startTicks: number } {
  try {
    const pid = Number(/^Tgid:\s*(\d+)$/m.exec(readFileSync(`/proc/${thread}/status`, "latin1"))?.[1]);
    return { pid, startTicks: startOf(pid) };
  } catch {
    throw unavailableError(
      path,
      `its thread ${thread} is not a thread of this host; run vmmsched in QEMU's PID namespace`,
    );
  }
}

/** The name in the second field may hold blanks and parentheses. */
function startOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
}

/** The name of `-name`; undefined without one. */
export function readName(qmp: Qmp): string | undefined {
  const { name } = object(qmp, "query-name");
  return typeof name === "string" && name !== "" ? name : undefined;
}

/** The uuid of `-uuid`. Without one, one that this process has as long as it lives and no other has. */
export function readUuid(qmp: Qmp, { pid, startTicks }: QemuProcess): string {
  const { UUID: uuid } = object(qmp, "query-uuid");
  if (typeof uuid !== "string" || !uuidPattern.test(uuid))
    throw callError("query-uuid", qmp.path, `${JSON.stringify(uuid)} is no uuid`);
  if (uuid !== noUuid) return uuid.toLowerCase();
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  const digits = createHash("sha256").update(`${boot} ${pid} ${startTicks}`).digest("hex");
  // Version 8, variant 10: of our own making (RFC 9562).
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-8${digits.slice(13, 16)}-a${digits.slice(17, 20)}-${digits.slice(20, 32)}`;
}

export function readMemoryBytes(qmp: Qmp): number {
  const answer = object(qmp, "query-memory-size-summary");
  const { "base-memory": base, "plugged-memory": plugged = 0 } = answer;
  if (typeof base !== "number" || typeof plugged !== "number")
    throw callError("query-memory-size-summary", qmp.path, "it names no size");
  return base + plugged;
}

/** What the machine is doing (RunState, qapi/run-state.json). */
export interface MachineStatus {
  /** Its vCPUs may run. */
  readonly running: boolean;
  /** Nothing in it runs again unless it is reset. */
  readonly ended: boolean;
}

const endedStates = ["shutdown", "internal-error", "guest-panicked", "postmigrate"];

export function statusIn(answer: Json, qmp: Qmp): MachineStatus {
  const { status, running } = isObject(answer) ? answer : {};
  if (typeof status !== "string" || typeof running !== "boolean")
    throw callError("query-status", qmp.path, `${JSON.stringify(answer)} is no status`);
  return { running, ended: endedStates.includes(status) };
}

export function readStatus(qmp: Qmp): MachineStatus {
  return statusIn(qmp.execute("query-status"), qmp);
}

/** Path of the machine's qtest socket where it has one that nobody uses; the character device of `-qtest` bears that name. */
export function findQtest(qmp: Qmp): string | undefined {
  const answer = qmp.execute("query-chardev");
  if (!Array.isArray(answer)) return undefined;
  for (const device of answer as readonly Json[]) {
    if (!isObject(device) || device.label !== "qtest" || typeof device.filename !== "string") continue;
    return /^disconnected:unix:(\/.+?)(?:,server(?:=on)?)?$/.exec(device.filename)?.[1];
  }
  return undefined;
}

function object(qmp: Qmp, command: string): JsonObject {
  const answer = qmp.execute(command);
  if (!isObject(answer)) throw callError(command, qmp.path, `${JSON.stringify(answer)} was not expected`);
  return answer;
}

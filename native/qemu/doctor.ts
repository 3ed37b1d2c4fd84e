import { isVmmschedError, messageOf } from "../../core/errors.js";
import { BlockThrottle } from "./block-throttle.js";
import { CgroupShare } from "./cgroup-share.js";
import { findQtest, readName, readProcess } from "./machine-facts.js";
import { mapMachineRam, type RegionFinding } from "./machine-ram.js";
import { findMachines, type MachinePlaces, type MachineSockets } from "./machine-sockets.js";
import { Qmp } from "./qmp.js";
import { Qtest } from "./qtest.js";
import { parseRegisters } from "./registers.js";

/** Something that this driver needs of a machine. */
export interface DoctorCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly found: string;
  /** What the operator can do about it. */
  readonly mend?: string;
}

const greetingMs = 2000;
/** Smaller regions are firmware and video. */
const mainRamBytes = 16 * 2 ** 20;

const seeOperating = "(docs/operating.md has it for libvirt)";
const mendQmp = `start QEMU with -qmp unix:PATH,server=on,wait=off, a socket of vmmsched's own ${seeOperating}`;
const mendRam =
  "start QEMU with -machine ...,memory-backend=ram0 -object memory-backend-memfd,id=ram0,size=SIZE,share=on " +
  seeOperating;
const mendQtest =
  `start QEMU with -qtest unix:PATH,server=on,wait=off -qtest-log none; without it held processes run again ` +
  `with the guest's next timer ${seeOperating}`;
const mendGuardian =
  `start QEMU with a second -qmp unix:NAME.guardian,server=on,wait=off beside NAME.qmp, for the guardian alone ` +
  seeOperating;
const mendRights = "run vmmsched as root, or as the user of this QEMU";

/** Examines all machines that can be found. Stops and writes nothing. */
export function qemuDoctor(places: MachinePlaces): readonly DoctorCheck[] {
  const machines = findMachines(places);
  if (machines.length > 0) return machines.flatMap(examine);
  const found = `no socket *.qmp in ${places.directory}, and the configuration names no machine (qemu.machines)`;
  return [{ name: "machines", ok: false, found, mend: mendQmp }];
}

function examine(sockets: MachineSockets): readonly DoctorCheck[] {
  const name = sockets.name ?? sockets.fallbackName;
  const checks: DoctorCheck[] = [];
  const add = (what: string, mend: string, check: () => { ok: boolean; found: string }): boolean => {
    const { ok, found } = attempt(check);
    checks.push({ name: `${name}: ${what}`, ok, found, mend });
    return ok;
  };
  let qmp: Qmp | undefined;
  try {
    const connected = add("QMP socket", mendQmp, () => {
      qmp = Qmp.connect(sockets.qmp);
      const ok = qmp.greeted(greetingMs);
      const found = ok ? `${sockets.qmp} answers` : `${sockets.qmp} does not greet: it has another client`;
      return { ok, found: ok && sockets.name === undefined ? `${found}; ${nameOf(qmp)}` : found };
    });
    if (!connected || qmp === undefined) return checks;
    const open = qmp;
    add("registers", "use QEMU 5.2 or newer, for x86-64", () => registersCheck(open));
    const { pid } = readProcess(open);
    add("RAM", mendRights, () => ramCheck(open, pid));
    const ram = checks.at(-1);
    if (ram?.found.includes(privateRam) === true) checks[checks.length - 1] = { ...ram, mend: mendRam };
    add("guardian", mendGuardian, () => guardianCheck(sockets));
    add("interrupts", mendQtest, () => qtestCheck(open, sockets));
    add("cgroup", mendRights, () => cgroupCheck(pid, name));
    add("disks", mendQmp, () => disksCheck(open));
    return checks;
  } catch (error) {
    if (!isVmmschedError(error)) throw error;
    return [...checks, { name: `${name}: process`, ok: false, found: error.message, mend: mendRights }];
  } finally {
    qmp?.[Symbol.dispose]();
  }
}

function nameOf(qmp: Qmp): string {
  const name = readName(qmp);
  return name === undefined ? "the machine has no -name" : `the machine's name is ${name}`;
}

function registersCheck(qmp: Qmp): { ok: boolean; found: string } {
  const count = parseRegisters(qmp.monitor("info registers -a"), qmp.path).length;
  return { ok: true, found: `${count} vCPUs run in 64-bit mode now` };
}

const privateRam = "is private to QEMU";

function ramCheck(qmp: Qmp, pid: number): { ok: boolean; found: string } {
  const { ram, regions } = mapMachineRam(qmp, pid);
  ram[Symbol.dispose]();
  const main = regions.filter(({ bytes }) => bytes >= mainRamBytes);
  const ok = main.length > 0 && main.every(({ shared }) => shared);
  const shown = ({ name, bytes, shared }: RegionFinding) =>
    `${name}, ${Math.round(bytes / 2 ** 20)} MiB, ${shared ? "is shared" : privateRam}`;
  return { ok, found: main.map(shown).join("; ") || "it has no RAM" };
}

function qtestCheck(qmp: Qmp, sockets: MachineSockets): { ok: boolean; found: string } {
  const path = sockets.qtest ?? findQtest(qmp);
  if (path === undefined) return { ok: false, found: "no qtest socket that is free" };
  Qtest.open(path, qmp.path)[Symbol.dispose]();
  return { ok: true, found: `${path} answers` };
}

/** Without one the guardian has to end a scheduler that hangs before it can resume the machine. */
function guardianCheck({ guardian }: MachineSockets): { ok: boolean; found: string } {
  if (guardian === undefined)
    return {
      ok: true,
      found:
        "no second QMP socket: a scheduler that hangs while the machine is paused is ended after a second, and the machine resumed then",
    };
  using qmp = Qmp.connect(guardian);
  const ok = qmp.greeted(greetingMs);
  return { ok, found: ok ? `${guardian} answers` : `${guardian} does not greet: it has another client` };
}

/** Only weights and caps of whole machines need one. */
function cgroupCheck(pid: number, name: string): { ok: boolean; found: string } {
  const share = CgroupShare.find(pid, name)?.get();
  if (share === undefined)
    return {
      ok: true,
      found:
        "no writable cgroup with the cpu controller holds only this QEMU: it has no weight and cap of its own",
    };
  return {
    ok: true,
    found: `weight ${share.weight}, cap ${share.capPercent === 0 ? "none" : `${share.capPercent} %`}`,
  };
}

/** Only I/O limits need one. */
function disksCheck(qmp: Qmp): { ok: boolean; found: string } {
  const limit = new BlockThrottle(qmp).get();
  if (limit === undefined)
    return {
      ok: true,
      found: "no disk that QEMU serves and the guest can write to: there is no I/O to limit",
    };
  return { ok: true, found: limit === 0 ? "no I/O limit" : `I/O limit ${limit} B/s` };
}

function attempt(check: () => { ok: boolean; found: string }): { ok: boolean; found: string } {
  try {
    return check();
  } catch (error) {
    return { ok: false, found: messageOf(error) };
  }
}

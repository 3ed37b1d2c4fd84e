import { accessSync, constants, readFileSync } from "node:fs";
import { messageOf } from "../../core/errors.js";
import { backendLimit } from "./backend-limit.js";
import { callError } from "./call-error.js";
import { probeDomainInfoLayout } from "./domain-info.js";
import { schedulerNames } from "./layouts.js";
import { LibXenCtrl } from "./libxenctrl.js";
import { LibXenDeviceModel, libxendevicemodelSpec } from "./libxendevicemodel.js";
import { LibXenEvtchn, libxenevtchnSpec } from "./libxenevtchn.js";
import { LibXenForeignMemory } from "./libxenforeignmemory.js";
import { LibXenStore, libxenstoreSpec } from "./libxenstore.js";
import { SharedLibrary, type LibraryPaths, type LibrarySpec } from "./shared-library.js";

/** Something that this driver needs of the host. */
export interface DoctorCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly found: string;
  /** What the operator can do about it. */
  readonly mend?: string;
}

const inDomain0 = "boot this machine under Xen, and run vmmsched as root in its Domain 0";
const mountXenfs = "mount -t xenfs xenfs /proc/xen";
const loadPrivcmd = "modprobe xen-privcmd; run as root in Domain 0";
const matchVersions =
  "install the libxenctrl of the running Xen; on Debian: apt-get install libxenmisc4.N, or reboot after an upgrade";

/** Examines this host, step by step; what cannot be examined since an earlier step failed is left out. Changes nothing. */
export function xenDoctor(paths: LibraryPaths = {}): readonly DoctorCheck[] {
  return [
    attempt("Domain 0", mountXenfs, domain0),
    attempt("/dev/xen/privcmd", loadPrivcmd, privcmd),
    ...withControl(paths),
    ...withForeignMemory(paths),
    optional(libxenstoreSpec, paths, () => LibXenStore.connect(paths), "xenstored answers"),
    optional(libxenevtchnSpec, paths, () => LibXenEvtchn.open(paths), "/dev/xen/evtchn opens"),
    optional(libxendevicemodelSpec, paths, () => LibXenDeviceModel.open(paths), "opens"),
  ];
}

function domain0(): DoctorCheck {
  const capabilities = readFileSync("/proc/xen/capabilities", "latin1").trim();
  const ok = capabilities.split(/\s+/).includes("control_d");
  const found = `/proc/xen/capabilities says ${capabilities === "" ? "nothing" : capabilities}`;
  return { name: "Domain 0", ok, found, mend: inDomain0 };
}

function privcmd(): DoctorCheck {
  accessSync("/dev/xen/privcmd", constants.R_OK | constants.W_OK);
  return { name: "/dev/xen/privcmd", ok: true, found: "readable and writable" };
}

function withControl(paths: LibraryPaths): DoctorCheck[] {
  const name = "libxenctrl";
  try {
    using control = new LibXenCtrl(paths);
    return [
      { name, ok: true, found: control.soname },
      attempt("Xen's version", matchVersions, () => versionCheck(control)),
      attempt("domains", matchVersions, () => domainsCheck(control)),
      attempt("I/O limits", loadPrivcmd, () => limitsCheck(control, paths)),
      attempt("VM scheduler", "boot Xen with sched=credit2", () => schedulerCheck(control)),
    ];
  } catch (error) {
    return [{ name, ok: false, found: messageOf(error), mend: inDomain0 }];
  }
}

function versionCheck(control: LibXenCtrl): DoctorCheck {
  const version = control.version();
  const running = `${version >>> 16}.${version & 0xffff}`;
  const spoken = /libxenctrl\.so\.(\d+\.\d+)/.exec(control.soname)?.[1] ?? running;
  const found = `Xen ${running} runs, the library speaks to ${spoken}`;
  return { name: "Xen's version", ok: version > 0 && spoken === running, found, mend: matchVersions };
}

/** Domains counted at most; more is no reason for another call here. */
const countedDomains = 1024;

function domainsCheck(control: LibXenCtrl): DoctorCheck {
  const { ids, layout } = listDomains(control);
  const found = `${ids.length} beside Domain 0; xc_domaininfo_t as in Xen ${layout.versions}`;
  return { name: "domains", ok: true, found };
}

/** Numbers of all domains but Domain 0. */
function listDomains(control: LibXenCtrl) {
  const layout = probeDomainInfoLayout(control);
  const list = new Uint8Array(countedDomains * layout.bytes);
  const count = control.domainInfoList(0, countedDomains, list);
  if (count < 0) throw callError("xc_domain_getinfolist", -count);
  const view = new DataView(list.buffer);
  const ids = Array.from({ length: count }, (_, i) =>
    view.getUint16(i * layout.bytes + layout.domain, true),
  ).filter((id) => id !== 0);
  return { ids, layout };
}

/** Only I/O limits need any of it. */
function limitsCheck(control: LibXenCtrl, paths: LibraryPaths): DoctorCheck {
  using store = LibXenStore.connect(paths);
  const found = listDomains(control).ids.map((id) => {
    const disks = backendLimit(store, id);
    const limit = disks.get();
    if (limit === undefined) return `domain ${id} has none, ${disks.problem}`;
    return `domain ${id}: ${limit === 0 ? "none now" : `${limit} B/s`}`;
  });
  return { name: "I/O limits", ok: true, found: found.join("; ") || "no domains" };
}

function schedulerCheck(control: LibXenCtrl): DoctorCheck {
  const id = control.schedulerId();
  if (id < 0) throw callError("xc_sched_id", -id);
  const found = schedulerNames[id] ?? `number ${id}`;
  const ok = found.startsWith("credit");
  const mend = "without credit or credit2 domains have no weights; boot Xen with sched=credit2";
  return { name: "VM scheduler", ok, found, mend };
}

function withForeignMemory(paths: LibraryPaths): DoctorCheck[] {
  const name = "libxenforeignmemory";
  try {
    const handle = new LibXenForeignMemory(paths).openFor(0);
    handle.close();
    const confined = handle.unrestricted;
    return [
      { name, ok: true, found: "opens" },
      {
        name: "confined mappings",
        ok: confined === undefined,
        found: confined ?? "each handle can be restricted to one domain",
        mend: "run a Linux kernel of 4.13 or newer in Domain 0",
      },
    ];
  } catch (error) {
    return [{ name, ok: false, found: messageOf(error), mend: inDomain0 }];
  }
}

function optional(
  spec: LibrarySpec,
  paths: LibraryPaths,
  open: () => (Disposable & { readonly soname: string }) | undefined,
  works: string,
): DoctorCheck {
  return attempt(spec.name, spec.obtain, () => {
    SharedLibrary.load(spec, paths);
    using library = open();
    if (library === undefined)
      return { name: spec.name, ok: false, found: "loads, but cannot be opened", mend: inDomain0 };
    return { name: spec.name, ok: true, found: `${library.soname}; ${works}` };
  });
}

function attempt(name: string, mend: string, check: () => DoctorCheck): DoctorCheck {
  try {
    return check();
  } catch (error) {
    return { name, ok: false, found: messageOf(error), mend };
  }
}

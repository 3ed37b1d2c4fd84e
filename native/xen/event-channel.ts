import type { DomainInfo, GuestEventChannel } from "../../core/hypervisor.js";
import { callError, checkCall } from "./call-error.js";
import type { LibXenCtrl } from "./libxenctrl.js";
import type { LibXenEvtchn } from "./libxenevtchn.js";
import type { LibXenStore } from "./libxenstore.js";

export interface EventChannelLibraries {
  readonly control: LibXenCtrl;
  readonly evtchn: LibXenEvtchn;
  readonly store: LibXenStore | undefined;
}

/**
 * Our event channel into one guest. Xen has no call by which Domain 0 frees a port of another domain, so each
 * allocation stays with the guest until it reboots. Hence the port is remembered in xenstore, and bound again by the
 * next process. The key names uuid and number: a rebooted or migrated domain has another number, and no such port.
 */
export class XenEventChannel implements GuestEventChannel, Disposable {
  readonly #evtchn: LibXenEvtchn;
  readonly #domainId: number;
  readonly #localPort: number;
  #bound = true;

  private constructor(
    evtchn: LibXenEvtchn,
    domainId: number,
    localPort: number,
    readonly port: number,
  ) {
    this.#evtchn = evtchn;
    this.#domainId = domainId;
    this.#localPort = localPort;
  }

  static open(libraries: EventChannelLibraries, info: DomainInfo): XenEventChannel {
    const { control, evtchn, store } = libraries;
    const remembered = Number(store?.read(portKey(info)) ?? 0);
    if (Number.isInteger(remembered) && remembered > 0) {
      const local = evtchn.bindInterdomain(info.id, remembered);
      if (local >= 0) return new XenEventChannel(evtchn, info.id, local, remembered);
    }
    const port = control.allocUnboundPort(info.id, 0);
    if (port < 0) throw callError("xc_evtchn_alloc_unbound", -port, info.id);
    store?.write(portKey(info), String(port));
    const local = evtchn.bindInterdomain(info.id, port);
    if (local < 0) throw callError("xenevtchn_bind_interdomain", -local, info.id);
    return new XenEventChannel(evtchn, info.id, local, port);
  }

  notify(): void {
    checkCall("xenevtchn_notify", this.#evtchn.notify(this.#localPort), this.#domainId);
  }

  [Symbol.dispose](): void {
    if (!this.#bound) return;
    this.#bound = false;
    this.#evtchn.unbind(this.#localPort);
  }
}

/** Forgets the port of a domain that will not come back. */
export function forgetEventChannel(store: LibXenStore | undefined, info: DomainInfo): void {
  store?.remove(domainKey(info));
}

function domainKey(info: DomainInfo): string {
  return `/tool/vmmsched/${info.uuid}/${info.id}`;
}

function portKey(info: DomainInfo): string {
  return `${domainKey(info)}/port`;
}

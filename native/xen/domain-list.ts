import { callError } from "./call-error.js";
import { hasUuid, newDomainRecord, probeDomainInfoLayout, type DomainRecord } from "./domain-info.js";
import type { DomainInfoLayout } from "./layouts.js";
import type { LibXenCtrl } from "./libxenctrl.js";
import type { LibXenStore } from "./libxenstore.js";

/** Domains are seldom renamed, and a new one may be listed before the toolstack has written its name. */
const nameLifeMs = 10_000;

const firstCapacity = 64;

/** The guest domains of the host, kept current by one hypercall an update. */
export class DomainList {
  readonly #control: LibXenCtrl;
  readonly #store: LibXenStore | undefined;
  readonly #layout: DomainInfoLayout;
  #list: DataView;
  #bytes: Uint8Array;
  #records: readonly DomainRecord[] = [];
  #namesReadAtMs = 0;

  constructor(control: LibXenCtrl, store: LibXenStore | undefined) {
    this.#control = control;
    this.#store = store;
    this.#layout = probeDomainInfoLayout(control);
    this.#list = new DataView(new ArrayBuffer(firstCapacity * this.#layout.bytes));
    this.#bytes = new Uint8Array(this.#list.buffer);
  }

  /** In order of their ids, as Xen keeps them. The same array for as long as the same domains exist. */
  update(): readonly DomainRecord[] {
    const count = this.#read();
    // Domain 0 always exists and comes first.
    if (!this.#sameDomains(count)) this.#replaceRecords(count);
    for (let i = 0; i < this.#records.length; i++) {
      this.#records[i]?.update(this.#list, (i + 1) * this.#layout.bytes, this.#layout);
    }
    const nowMs = performance.now();
    if (nowMs - this.#namesReadAtMs > nameLifeMs) {
      this.#namesReadAtMs = nowMs;
      for (const record of this.#records) this.#readName(record);
    }
    return this.#records;
  }

  /** As of the last {@link update}. */
  find(id: number): DomainRecord | undefined {
    return this.#records.find((record) => record.id === id);
  }

  #read(): number {
    for (;;) {
      const capacity = this.#bytes.length / this.#layout.bytes;
      const count = this.#control.domainInfoList(0, capacity, this.#bytes);
      if (count < 0) throw callError("xc_domain_getinfolist", -count);
      if (count < capacity) return count;
      this.#list = new DataView(new ArrayBuffer(2 * this.#bytes.length));
      this.#bytes = new Uint8Array(this.#list.buffer);
    }
  }

  #sameDomains(count: number): boolean {
    if (count !== this.#records.length + 1) return false;
    for (let i = 0; i < this.#records.length; i++) {
      const record = this.#records[i];
      if (record === undefined || !this.#isAbout((i + 1) * this.#layout.bytes, record)) return false;
    }
    return true;
  }

  #isAbout(at: number, record: DomainRecord): boolean {
    const id = this.#list.getUint16(at + this.#layout.domain, true);
    return id === record.id && hasUuid(this.#list, at, this.#layout, record.uuid);
  }

  #replaceRecords(count: number): void {
    const known = new Map(this.#records.map((record) => [record.id, record]));
    const records: DomainRecord[] = [];
    for (let i = 1; i < count; i++) {
      const at = i * this.#layout.bytes;
      const old = known.get(this.#list.getUint16(at + this.#layout.domain, true));
      if (old !== undefined && this.#isAbout(at, old)) {
        known.delete(old.id);
        records.push(old);
      } else {
        const record = newDomainRecord(this.#list, at, this.#layout);
        this.#readName(record);
        records.push(record);
      }
    }
    for (const gone of known.values()) {
      gone.ended = true;
      gone.gone = true;
    }
    this.#records = records;
  }

  #readName(record: DomainRecord): void {
    const name = this.#store?.read(`/local/domain/${record.id}/name`);
    if (name !== undefined && name !== "") record.name = name;
  }
}

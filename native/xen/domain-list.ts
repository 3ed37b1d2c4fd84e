import { callError } from "./call-error.js";
import { hasUuid, isOver, newDomainRecord, probeDomainInfoLayout, type DomainRecord } from "./domain-info.js";
import type { DomainInfoLayout } from "./layouts.js";
import type { LibXenCtrl } from "./libxenctrl.js";
import type { LibXenStore } from "./libxenstore.js";

/** Domains are seldom renamed. */
const nameLifeMs = 10_000;
/** A domain without a name is being made, or its toolstack writes none. */
const namePatienceMs = 60_000;

const firstCapacity = 64;

/** The guest domains of the host, kept current by one hypercall an update. */
export class DomainList {
  readonly #control: LibXenCtrl;
  readonly #store: LibXenStore | undefined;
  readonly #layout: DomainInfoLayout;
  /** One entry, for {@link hasEnded}. */
  readonly #entry: DataView;
  readonly #entryBytes: Uint8Array;
  #list: DataView;
  #bytes: Uint8Array;
  #records: readonly DomainRecord[] = [];
  /** Those of the records that have their names. */
  #listed: readonly DomainRecord[] = [];
  #namesReadAtMs = 0;

  constructor(control: LibXenCtrl, store: LibXenStore | undefined) {
    this.#control = control;
    this.#store = store;
    this.#layout = probeDomainInfoLayout(control);
    this.#list = new DataView(new ArrayBuffer(firstCapacity * this.#layout.bytes));
    this.#bytes = new Uint8Array(this.#list.buffer);
    this.#entry = new DataView(new ArrayBuffer(this.#layout.bytes));
    this.#entryBytes = new Uint8Array(this.#entry.buffer);
  }

  /**
   * In order of their ids, as Xen keeps them. The same array for as long as the same domains exist. A domain that is being made
   * or restored comes when the toolstack has named it: by its name the operator includes and excludes it.
   */
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
    if (this.#listed.length < this.#records.length) this.#listNamed(nowMs);
    return this.#listed;
  }

  /** As of the last {@link update}. */
  find(id: number): DomainRecord | undefined {
    return this.#records.find((record) => record.id === id);
  }

  /** Has it shut down by now, or is it being destroyed, or gone? Asks the hypervisor; allocates nothing. */
  hasEnded({ id }: DomainRecord): boolean {
    const count = this.#control.domainInfoList(id, 1, this.#entryBytes);
    if (count < 0) throw callError("xc_domain_getinfolist", -count, id);
    return (
      count === 0 ||
      this.#entry.getUint16(this.#layout.domain, true) !== id ||
      isOver(this.#entry.getUint32(this.#layout.flags, true))
    );
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
        records.push(newDomainRecord(this.#list, at, this.#layout));
      }
    }
    for (const gone of known.values()) {
      gone.ended = true;
      gone.gone = true;
    }
    this.#records = records;
    this.#listed = [];
  }

  #listNamed(nowMs: number): void {
    for (const record of this.#records) {
      if (!record.named) this.#readName(record);
      record.named ||= this.#store === undefined || nowMs - record.metAtMs > namePatienceMs;
    }
    this.#listed = this.#records.filter(({ named }) => named);
  }

  #readName(record: DomainRecord): void {
    const name = this.#store?.read(`/local/domain/${record.id}/name`);
    if (name === undefined || name === "") return;
    record.name = name;
    record.named = true;
  }
}

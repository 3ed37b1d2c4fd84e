import { VmmschedError } from "../errors.js";
import { columnPlacer, type ColumnBuffer } from "./column-placer.js";
import { TextColumn } from "./text-column.js";

/** Xen numbers its domains from 0 to 32751; nobody runs a thousandth of that on one host. */
export const maxDomains = 1024;

export const domainFlags = {
  /** Its tasks are in the snapshot. */
  managed: 1,
  paused: 2,
} as const;

const uuidBytes = 36;
const domainNameBytes = 128;

/** What the snapshot says of one domain; the rest of what we know of it concerns us alone. */
export interface DomainEntry {
  /** Names it in the tasks' `domain` column, and stays the same while the domain is known. */
  readonly slot: number;
  readonly info: {
    readonly id: number;
    readonly uuid: string;
    readonly name: string;
    readonly paused: boolean;
    readonly vcpuCount: number;
    readonly cpuTimeNs: number;
  };
  readonly managed: boolean;
  readonly cpuTimeDeltaNs: number;
}

/** One row a domain, beside the {@link "./task-columns.js"} of its tasks. */
export class DomainColumns {
  readonly slot: Int32Array;
  readonly id: Int32Array;
  readonly vcpuCount: Int32Array;
  readonly cpuTimeNs: Float64Array;
  readonly cpuTimeDeltaNs: Float64Array;
  readonly flags: Uint8Array;
  readonly uuids: TextColumn;
  readonly names: TextColumn;

  /** `buffer` has {@link DomainColumns.bytes} bytes. */
  constructor(readonly buffer: ColumnBuffer) {
    const place = columnPlacer(buffer, maxDomains);
    this.cpuTimeNs = place(Float64Array);
    this.cpuTimeDeltaNs = place(Float64Array);
    this.slot = place(Int32Array);
    this.id = place(Int32Array);
    this.vcpuCount = place(Int32Array);
    this.uuids = new TextColumn(place(Uint8Array, uuidBytes), uuidBytes);
    this.names = new TextColumn(place(Uint8Array, domainNameBytes), domainNameBytes);
    this.flags = place(Uint8Array);
  }

  static readonly bytes = maxDomains * (2 * 8 + 3 * 4 + uuidBytes + domainNameBytes + 1);

  /** Fills a row. Throws ERR_SNAPSHOT_FULL. */
  put(row: number, { slot, info, managed, cpuTimeDeltaNs }: DomainEntry): void {
    if (row >= maxDomains)
      throw new VmmschedError(
        "ERR_SNAPSHOT_FULL",
        `the snapshot has room for ${String(maxDomains)} domains; exclude some in the configuration`,
      );
    this.slot[row] = slot;
    this.id[row] = info.id;
    this.vcpuCount[row] = info.vcpuCount;
    this.cpuTimeNs[row] = info.cpuTimeNs;
    this.cpuTimeDeltaNs[row] = cpuTimeDeltaNs;
    this.flags[row] = (managed ? domainFlags.managed : 0) | (info.paused ? domainFlags.paused : 0);
    this.uuids.set(row, info.uuid);
    this.names.set(row, info.name);
  }

  /** Takes over the first `rows` rows of another table. */
  copyFrom(other: DomainColumns, rows: number): void {
    this.cpuTimeNs.set(other.cpuTimeNs.subarray(0, rows));
    this.cpuTimeDeltaNs.set(other.cpuTimeDeltaNs.subarray(0, rows));
    this.slot.set(other.slot.subarray(0, rows));
    this.id.set(other.id.subarray(0, rows));
    this.vcpuCount.set(other.vcpuCount.subarray(0, rows));
    this.uuids.bytes.set(other.uuids.bytes.subarray(0, rows * uuidBytes));
    this.names.bytes.set(other.names.bytes.subarray(0, rows * domainNameBytes));
    this.flags.set(other.flags.subarray(0, rows));
  }
}

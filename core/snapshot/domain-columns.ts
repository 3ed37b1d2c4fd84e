import { VmmschedError } from "../errors.js";
import type { DomainShare } from "../hypervisor.js";
import { columnPlacer, type ColumnBuffer } from "./column-placer.js";
import { TextColumn } from "./text-column.js";

/** Xen numbers its domains from 0 to 32751; nobody runs a thousandth of that on one host. */
export const maxDomains = 1024;

export const domainFlags = {
  /** Its tasks are in the snapshot. */
  managed: 1,
  paused: 2,
  /** What its guest says is not to count for others. */
  mute: 4,
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
  /** Undefined where there is none, or it is not ours to change. */
  readonly share?: DomainShare | undefined;
  readonly pausedNs: number;
  readonly hasSay: boolean;
}

/** One row a domain, beside the {@link "./task-columns.js"} of its tasks. */
export class DomainColumns {
  readonly slot: Int32Array;
  readonly id: Int32Array;
  readonly vcpuCount: Int32Array;
  readonly cpuTimeNs: Float64Array;
  readonly cpuTimeDeltaNs: Float64Array;
  /** In the VM scheduler; NaN where there is none. */
  readonly weight: Float64Array;
  readonly capPercent: Float64Array;
  /** Limit of its disks; NaN where there is no control of them. */
  readonly ioBytesPerSecond: Float64Array;
  /** Our own pauses in the last interval. */
  readonly pausedNs: Float64Array;
  readonly flags: Uint8Array;
  readonly uuids: TextColumn;
  readonly names: TextColumn;

  /** `buffer` has {@link DomainColumns.bytes} bytes. */
  constructor(readonly buffer: ColumnBuffer) {
    const place = columnPlacer(buffer, maxDomains);
    this.cpuTimeNs = place(Float64Array);
    this.cpuTimeDeltaNs = place(Float64Array);
    this.weight = place(Float64Array);
    this.capPercent = place(Float64Array);
    this.ioBytesPerSecond = place(Float64Array);
    this.pausedNs = place(Float64Array);
    this.slot = place(Int32Array);
    this.id = place(Int32Array);
    this.vcpuCount = place(Int32Array);
    this.uuids = new TextColumn(place(Uint8Array, uuidBytes), uuidBytes);
    this.names = new TextColumn(place(Uint8Array, domainNameBytes), domainNameBytes);
    this.flags = place(Uint8Array);
  }

  static readonly bytes = maxDomains * (6 * 8 + 3 * 4 + uuidBytes + domainNameBytes + 1);

  /** Fills a row. Throws ERR_SNAPSHOT_FULL. */
  put(row: number, entry: DomainEntry): void {
    const { slot, info, managed, cpuTimeDeltaNs, pausedNs, share, hasSay } = entry;
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
    this.weight[row] = share?.weight ?? Number.NaN;
    this.capPercent[row] = share?.capPercent ?? Number.NaN;
    this.ioBytesPerSecond[row] = share?.ioBytesPerSecond ?? Number.NaN;
    this.pausedNs[row] = pausedNs;
    this.flags[row] =
      (managed ? domainFlags.managed : 0) |
      (info.paused ? domainFlags.paused : 0) |
      (hasSay ? 0 : domainFlags.mute);
    this.uuids.set(row, info.uuid);
    this.names.set(row, info.name);
  }

  /** Takes over the first `rows` rows of another table. */
  copyFrom(other: DomainColumns, rows: number): void {
    this.cpuTimeNs.set(other.cpuTimeNs.subarray(0, rows));
    this.cpuTimeDeltaNs.set(other.cpuTimeDeltaNs.subarray(0, rows));
    this.weight.set(other.weight.subarray(0, rows));
    this.capPercent.set(other.capPercent.subarray(0, rows));
    this.ioBytesPerSecond.set(other.ioBytesPerSecond.subarray(0, rows));
    this.pausedNs.set(other.pausedNs.subarray(0, rows));
    this.slot.set(other.slot.subarray(0, rows));
    this.id.set(other.id.subarray(0, rows));
    this.vcpuCount.set(other.vcpuCount.subarray(0, rows));
    this.uuids.bytes.set(other.uuids.bytes.subarray(0, rows * uuidBytes));
    this.names.bytes.set(other.names.bytes.subarray(0, rows * domainNameBytes));
    this.flags.set(other.flags.subarray(0, rows));
  }
}

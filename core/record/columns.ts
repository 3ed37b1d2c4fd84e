import type { DomainColumns } from "../snapshot/domain-columns.js";
import type { TaskColumns } from "../snapshot/task-columns.js";

const elementBytes = { f64: 8, i32: 4, u8: 1 } as const;

/** One column of a snapshot as a record describes it. Numbers are little-endian. */
export interface ColumnDescription {
  readonly name: string;
  readonly type: keyof typeof elementBytes;
  /** Elements in one row. */
  readonly perRow: number;
}

/** The columns of a record's snapshots, in the order in which they lie in its frames. */
export interface SnapshotColumns {
  readonly tasks: readonly ColumnDescription[];
  readonly domains: readonly ColumnDescription[];
}

interface Column<Table> extends ColumnDescription {
  readonly in: (table: Table) => ArrayBufferView;
  /** It may say that nothing is known, by NaN, 0 or an empty text; so do records that lack it. */
  readonly unknown?: true;
}

export const taskColumns: readonly Column<TaskColumns>[] = [
  { name: "cpuTimeNs", type: "f64", perRow: 1, in: (tasks) => tasks.cpuTimeNs },
  { name: "cpuTimeDeltaNs", type: "f64", perRow: 1, in: (tasks) => tasks.cpuTimeDeltaNs },
  { name: "startTimeNs", type: "f64", perRow: 1, in: (tasks) => tasks.startTimeNs },
  { name: "address", type: "f64", perRow: 1, in: (tasks) => tasks.address },
  { name: "waitTimeNs", type: "f64", perRow: 1, unknown: true, in: (tasks) => tasks.waitTimeNs },
  {
    name: "voluntarySwitches",
    type: "f64",
    perRow: 1,
    unknown: true,
    in: (tasks) => tasks.voluntarySwitches,
  },
  {
    name: "involuntarySwitches",
    type: "f64",
    perRow: 1,
    unknown: true,
    in: (tasks) => tasks.involuntarySwitches,
  },
  { name: "readBytes", type: "f64", perRow: 1, unknown: true, in: (tasks) => tasks.readBytes },
  { name: "writtenBytes", type: "f64", perRow: 1, unknown: true, in: (tasks) => tasks.writtenBytes },
  { name: "uid", type: "f64", perRow: 1, unknown: true, in: (tasks) => tasks.uid },
  { name: "domain", type: "i32", perRow: 1, in: (tasks) => tasks.domain },
  { name: "id", type: "i32", perRow: 1, in: (tasks) => tasks.id },
  { name: "process", type: "i32", perRow: 1, in: (tasks) => tasks.process },
  { name: "parent", type: "i32", perRow: 1, unknown: true, in: (tasks) => tasks.parent },
  { name: "cpu", type: "i32", perRow: 1, in: (tasks) => tasks.cpu },
  { name: "priority", type: "i32", perRow: 1, in: (tasks) => tasks.priority },
  { name: "name", type: "u8", perRow: 16, in: (tasks) => tasks.name },
  { name: "cgroup", type: "u8", perRow: 128, unknown: true, in: (tasks) => tasks.cgroups.bytes },
  { name: "argv0", type: "u8", perRow: 64, unknown: true, in: (tasks) => tasks.argv0s.bytes },
  { name: "state", type: "u8", perRow: 1, in: (tasks) => tasks.state },
  { name: "hold", type: "u8", perRow: 1, in: (tasks) => tasks.hold },
  { name: "flags", type: "u8", perRow: 1, in: (tasks) => tasks.flags },
  { name: "scheduling", type: "u8", perRow: 1, unknown: true, in: (tasks) => tasks.scheduling },
];

export const domainColumns: readonly Column<DomainColumns>[] = [
  { name: "cpuTimeNs", type: "f64", perRow: 1, in: (domains) => domains.cpuTimeNs },
  { name: "cpuTimeDeltaNs", type: "f64", perRow: 1, in: (domains) => domains.cpuTimeDeltaNs },
  { name: "weight", type: "f64", perRow: 1, unknown: true, in: (domains) => domains.weight },
  { name: "capPercent", type: "f64", perRow: 1, unknown: true, in: (domains) => domains.capPercent },
  {
    name: "ioBytesPerSecond",
    type: "f64",
    perRow: 1,
    unknown: true,
    in: (domains) => domains.ioBytesPerSecond,
  },
  { name: "pausedNs", type: "f64", perRow: 1, in: (domains) => domains.pausedNs },
  { name: "slot", type: "i32", perRow: 1, in: (domains) => domains.slot },
  { name: "id", type: "i32", perRow: 1, in: (domains) => domains.id },
  { name: "vcpuCount", type: "i32", perRow: 1, in: (domains) => domains.vcpuCount },
  { name: "uuid", type: "u8", perRow: 36, in: (domains) => domains.uuids.bytes },
  { name: "name", type: "u8", perRow: 128, in: (domains) => domains.names.bytes },
  { name: "flags", type: "u8", perRow: 1, in: (domains) => domains.flags },
];

const describe = ({ name, type, perRow }: ColumnDescription): ColumnDescription => ({ name, type, perRow });

/** What this vmmsched writes. */
export const snapshotColumns: SnapshotColumns = {
  tasks: taskColumns.map(describe),
  domains: domainColumns.map(describe),
};

export function rowBytes({ type, perRow }: ColumnDescription): number {
  return elementBytes[type] * perRow;
}

/** Bytes of one row over all columns. */
export function rowBytesOf(columns: readonly ColumnDescription[]): number {
  return columns.reduce((sum, column) => sum + rowBytes(column), 0);
}

/** The first `rows` rows of a column, as bytes. A view, no copy. */
export function columnBytes<Table>(column: Column<Table>, table: Table, rows: number): Uint8Array {
  const { buffer, byteOffset } = column.in(table);
  return new Uint8Array(buffer, byteOffset, rows * rowBytes(column));
}

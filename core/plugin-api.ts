/**
 * All that a plugin may know of vmmsched. Policies import types only; guest profiles also use the functions and
 * classes below to read structures in guest memory, fill the snapshot and stage edits.
 */

// For policies.
export type {
  DomainSnapshot,
  HoldWish,
  HostSnapshot,
  Policy,
  PriorityWish,
  ProcessSnapshot,
  ShareWish,
  TaskSnapshot,
  Wish,
} from "./policy.js";
export type { HoldState, SchedulingPolicy, TaskState } from "./snapshot/task-columns.js";

// For guest profiles: what they implement and are given.
export type {
  Capability,
  Certainty,
  Complaint,
  Finding,
  GuestDescription,
  GuestFindings,
  GuestKernel,
  GuestProfile,
  HeldTask,
  HoldChange,
  NotNow,
  PriorityChange,
  TaskChange,
  TaskIdentity,
} from "./guest-profile.js";
export type {
  Domain,
  DomainId,
  DomainInfo,
  DomainKind,
  DomainShare,
  GuestEventChannel,
  PausedDomain,
  VcpuContext,
} from "./hypervisor.js";
export type { PhysicalMemory, WritablePhysicalMemory } from "./memory/physical-memory.js";
export type { RamPiece } from "./ram-piece.js";
export type { EditOutcome, EditTransaction, UndoWord } from "./memory/edit-transaction.js";
export type { SnapshotBuilder } from "./snapshot/snapshot-builder.js";

// For guest profiles: what they call.
export { othersFirst } from "./guest-profile.js";
export type { Frame, GuestVa } from "./memory/address.js";
export {
  formatVa,
  highWord,
  isKernelObject,
  lowWord,
  nullVa,
  pageBytes,
  vaFromBigInt,
  vaFromWords,
  vaOffset,
} from "./memory/address.js";
export { AddressSpace, pageOffset } from "./memory/address-space.js";
export { StructCursor } from "./memory/struct-cursor.js";
export type { PagingLevel, PagingMode, PresentPage } from "./memory/paging.js";
export { fiveLevelPaging, fourLevelPaging, presentPages, tableIndex, walk, walkTo } from "./memory/paging.js";
export type { ColumnBuffer } from "./snapshot/column-placer.js";
export type { TextColumn } from "./snapshot/text-column.js";
export {
  TaskColumns,
  argv0Bytes,
  cgroupBytes,
  holdStates,
  nameBytes,
  schedulingPolicies,
  taskFlags,
  taskStates,
} from "./snapshot/task-columns.js";
export type { ErrorCode, ErrorDetails } from "./errors.js";
export { VmmschedError, errorTable, isVmmschedError, messageOf } from "./errors.js";

import { vaFromBigInt } from "../../../core/memory/address.js";

/**
 * The kernel structures of the toy operating system. Everything is little-endian; words are 32 bits wide.
 *
 * A kernel maps its header page at a fixed address, and the table of its tasks wherever the header says:
 *
 * | offset | size | header                                                                     |
 * | ------ | ---- | -------------------------------------------------------------------------- |
 * | 0      | 8    | magic, "ToyOS" and three zero bytes                                        |
 * | 8      | 4    | version of the kernel: which layout its task records have                  |
 * | 12     | 4    | 0 while it starts, 1 when it is up                                         |
 * | 16     | 8    | address of the table of task records                                       |
 * | 24     | 4    | number of records in the table                                             |
 * | 28     | 4    | lock of the scheduler: 1 while a CPU reads or changes task records         |
 *
 * A record with id 0 is free. Ids are given to new tasks in turn, records are used again.
 */
export const headerVa = vaFromBigInt(0xffffc00000000000n);
export const magic = [0x4f796f54, 0x00000053] as const;
export const header = { version: 8, up: 12, table: 16, capacity: 24, lock: 28 } as const;

/** Byte offsets in a task record. The hold word is there for whoever is outside: not 0 asks the task to park. */
export interface TaskRecord {
  readonly bytes: number;
  readonly id: number;
  /** Id of the first task of its process. */
  readonly process: number;
  /** Process of the task that started its process, or 0; it stays when that one is gone. */
  readonly parent: number;
  readonly state: number;
  readonly flags: number;
  readonly hold: number;
  readonly cpu: number;
  /** How often the scheduler passes the task over before it runs: 0 for most. Whoever is outside may set it, too. */
  readonly priority: number;
  /** 64 bits: nanoseconds on a CPU; nanoseconds from the kernel's start to the task's. */
  readonly cpuTimeNs: number;
  readonly startTimeNs: number;
  /** 16 bytes, NUL-padded. */
  readonly name: number;
}

export type ToyVersion = 1 | 2;

/** Version 2 made room for itself in front of the name, and its records lie across page boundaries. */
export const taskRecords = {
  1: {
    bytes: 64,
    id: 0,
    process: 4,
    parent: 60,
    state: 8,
    flags: 12,
    hold: 16,
    cpu: 20,
    priority: 56,
    cpuTimeNs: 24,
    startTimeNs: 32,
    name: 40,
  },
  2: {
    bytes: 104,
    id: 8,
    process: 12,
    parent: 88,
    state: 48,
    flags: 52,
    hold: 80,
    cpu: 56,
    priority: 84,
    cpuTimeNs: 16,
    startTimeNs: 24,
    name: 64,
  },
} as const satisfies Readonly<Record<ToyVersion, TaskRecord>>;

/** Values of the state word. */
export const toyState = { running: 1, ready: 2, sleeping: 3, parked: 4 } as const;

/** Bits of the flags word. */
export const toyFlags = { system: 1 } as const;

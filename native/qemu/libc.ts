import * as koffi from "koffi";
import { constants } from "node:os";

/** Numbers of the errors that have a meaning of their own here. */
export const { EAGAIN, EINTR, EINPROGRESS } = constants.errno;

const names = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

export function errnoName(number: number): string {
  return names.get(number) ?? `errno ${number}`;
}

/** Address of a mapping of ours: only the file that mapped it makes a view of it. */
export type Address = bigint;

/** What mmap returns when it fails. */
export const mapFailed = -1n;

function bindAll() {
  const library = koffi.load("libc.so.6");
  return {
    socket: library.func("int socket(int, int, int)") as (
      domain: number,
      type: number,
      protocol: number,
    ) => number,
    connect: library.func("int connect(int, const void *, unsigned int)") as (
      fd: number,
      address: Uint8Array,
      bytes: number,
    ) => number,
    poll: library.func("int poll(_Inout_ void *, unsigned long, int)") as (
      entries: Int32Array,
      count: number,
      timeoutMs: number,
    ) => number,
    send: library.func("long send(int, const void *, size_t, int)") as (
      fd: number,
      bytes: Uint8Array,
      length: number,
      flags: number,
    ) => number,
    recv: library.func("long recv(int, _Out_ void *, size_t, int)") as (
      fd: number,
      into: Uint8Array,
      length: number,
      flags: number,
    ) => number,
    mmap: library.func("int64_t mmap(void *, size_t, int, int, int, long)") as (
      at: null,
      bytes: number,
      protection: number,
      flags: number,
      fd: number,
      offset: number,
    ) => number | bigint,
    mprotect: library.func("int mprotect(void *, size_t, int)") as (
      at: Address,
      bytes: number,
      protection: number,
    ) => number,
    munmap: library.func("int munmap(void *, size_t)") as (at: Address, bytes: number) => number,
  };
}

let bound: ReturnType<typeof bindAll> | undefined;

/** The C library's calls, bound when they are first needed. A call that returned -1 has its error number in {@link lastErrno}. */
export function libc(): ReturnType<typeof bindAll> {
  return (bound ??= bindAll());
}

export function lastErrno(): number {
  return koffi.errno();
}

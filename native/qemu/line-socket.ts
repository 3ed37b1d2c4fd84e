import { closeSync } from "node:fs";
import { callError, lostError, unavailableError } from "./call-error.js";
import { EAGAIN, EINTR, errnoName, lastErrno, libc } from "./libc.js";

/** From the headers of Linux on x86-64 (bits/socket.h, sys/un.h, poll.h). */
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const MSG_NOSIGNAL = 0x4000;
const MSG_DONTWAIT = 0x40;
const POLLIN = 1;
const POLLOUT = 4;
/** sizeof(struct sockaddr_un.sun_path); the zero at its end counts. */
const longestPath = 108;

const chunkBytes = 64 * 1024;
/** No reply of QEMU is near this long. */
const longestLineBytes = 16 * 1024 * 1024;

const newline = 0x0a;

/**
 * A connection to a unix socket that speaks in lines, without ever yielding to the event loop: between pause and resume
 * nothing else may run. Each call says how long it may take.
 */
export class LineSocket implements Disposable {
  readonly #fd: number;
  readonly #chunk = new Uint8Array(chunkBytes);
  readonly #pollEntry = new Int32Array(2);
  /** What came after the last whole line. */
  #rest = "";
  readonly #decoder = new TextDecoder("utf-8");
  readonly #lines: string[] = [];
  #lost: string | undefined;
  #closed = false;

  private constructor(
    readonly path: string,
    fd: number,
  ) {
    this.#fd = fd;
  }

  /** Throws ERR_HYPERVISOR_UNAVAILABLE when nobody listens there, or may not be asked. */
  static connect(path: string): LineSocket {
    const name = Buffer.from(path);
    if (name.length >= longestPath)
      throw unavailableError(path, `the path of a socket has less than ${longestPath} bytes`);
    const fd = libc().socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) throw unavailableError(path, `no socket can be made: ${errnoName(lastErrno())}`);
    const address = new Uint8Array(2 + name.length + 1);
    address[0] = AF_UNIX;
    address.set(name, 2);
    if (libc().connect(fd, address, address.length) !== 0) {
      const why = errnoName(lastErrno());
      closeSync(fd);
      throw unavailableError(path, `connect: ${why}`);
    }
    return new LineSocket(path, fd);
  }

  /** Why the other end is gone; undefined while it is there. */
  get lost(): string | undefined {
    return this.#lost;
  }

  /** Sends a line. Throws ERR_HYPERVISOR_CALL when it is not taken in time, ERR_DOMAIN_GONE when nobody is there. */
  send(text: string, timeoutMs: number): void {
    const deadline = performance.now() + timeoutMs;
    let bytes: Uint8Array = Buffer.from(`${text}\n`);
    while (bytes.length > 0) {
      this.#requireConnected();
      const sent = libc().send(this.#fd, bytes, bytes.length, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent >= 0) {
        bytes = bytes.subarray(sent);
        continue;
      }
      const number = lastErrno();
      if (number === EINTR) continue;
      if (number !== EAGAIN) this.#lost = `send: ${errnoName(number)}`;
      else if (!this.#wait(POLLOUT, deadline)) {
        throw callError("send", this.path, `nothing was taken within ${timeoutMs} ms`);
      }
    }
  }

  /** The next line, waiting for it no longer than `deadline` (by performance.now()); undefined when none came. Throws ERR_DOMAIN_GONE. */
  line(deadline: number): string | undefined {
    for (;;) {
      const line = this.takeLine();
      if (line !== undefined) return line;
      this.#requireConnected();
      if (!this.#wait(POLLIN, deadline)) return undefined;
    }
  }

  /** The next line that has come already. Never waits, never throws: see {@link lost}. */
  takeLine(): string | undefined {
    if (this.#lines.length === 0) this.#receive();
    return this.#lines.shift();
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#lost ??= "closed by us";
    closeSync(this.#fd);
  }

  #receive(): void {
    while (this.#lost === undefined) {
      const count = libc().recv(this.#fd, this.#chunk, this.#chunk.length, MSG_DONTWAIT);
      if (count > 0) this.#split(this.#chunk.subarray(0, count));
      else if (count === 0) this.#lost = "the other end closed it";
      else {
        const number = lastErrno();
        if (number === EAGAIN) return;
        if (number !== EINTR) this.#lost = `recv: ${errnoName(number)}`;
      }
    }
  }

  #split(bytes: Uint8Array): void {
    const whole = bytes.includes(newline);
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    if (whole) {
      const lines = this.#rest.split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) this.#lines.push(line.trimEnd());
    }
    if (this.#rest.length > longestLineBytes)
      this.#lost = `a line of more than ${longestLineBytes} bytes came`;
  }

  /** False when the deadline passed; a signal does not count. */
  #wait(events: number, deadline: number): boolean {
    for (;;) {
      const leftMs = Math.ceil(deadline - performance.now());
      this.#pollEntry[0] = this.#fd;
      this.#pollEntry[1] = events;
      const ready = libc().poll(this.#pollEntry, 1, Math.max(0, leftMs));
      if (ready > 0) return true;
      if (ready === 0 || leftMs <= 0) return false;
    }
  }

  #requireConnected(): void {
    if (this.#lost !== undefined) throw lostError(this.path, this.#lost);
  }
}

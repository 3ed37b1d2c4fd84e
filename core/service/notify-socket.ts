import { constants } from "node:os";
import * as koffi from "koffi";
import { VmmschedError } from "../errors.js";

const AF_UNIX = 1;
/** SOCK_DGRAM and SOCK_CLOEXEC. */
const datagrams = 2 | 0o2000000;
/** MSG_DONTWAIT and MSG_NOSIGNAL: a service manager that hangs keeps nobody waiting. */
const never = 0x40 | 0x4000;
/** sun_path (unix(7)) with the zero at its end. */
const pathBytes = 108;

interface Calls {
  readonly socket: (domain: number, type: number, protocol: number) => number;
  readonly sendto: (
    ...to: [fd: number, text: Uint8Array, bytes: number, flags: number, at: Uint8Array, atBytes: number]
  ) => number;
  readonly close: (fd: number) => number;
}

/**
 * The service manager's socket for messages of sd_notify(3): lines like `READY=1`, each message a datagram, which Node itself
 * cannot send. Nobody answers; a message that there is no room for is lost.
 */
export class NotifySocket implements Disposable {
  readonly #calls = bind();
  readonly #address: Uint8Array;
  #fd: number;

  /** `path`: absolute, or `@` and an abstract name. Throws ERR_SERVICE_MANAGER. */
  constructor(path: string) {
    this.#address = socketAddress(path);
    this.#fd = this.#calls.socket(AF_UNIX, datagrams, 0);
    if (this.#fd < 0) throw unusable(path, errnoName());
  }

  /** False when it was not taken: nobody listens, or there is no room. */
  send(message: string): boolean {
    if (this.#fd < 0) return false;
    const bytes = Buffer.from(message);
    const { length } = this.#address;
    return this.#calls.sendto(this.#fd, bytes, bytes.length, never, this.#address, length) === bytes.length;
  }

  [Symbol.dispose](): void {
    if (this.#fd >= 0) this.#calls.close(this.#fd);
    this.#fd = -1;
  }
}

/** A sockaddr_un as long as its name: an abstract one begins with a zero and ends without. Throws ERR_SERVICE_MANAGER. */
export function socketAddress(path: string): Uint8Array {
  const abstract = path.startsWith("@");
  if (!abstract && !path.startsWith("/")) throw unusable(path, "it is no UNIX socket");
  const name = Buffer.from(abstract ? `\0${path.slice(1)}` : `${path}\0`);
  if (name.length > pathBytes) throw unusable(path, "its name is too long");
  const family = new Uint8Array(Uint16Array.of(AF_UNIX).buffer);
  return Buffer.concat([family, name]);
}

function bind(): Calls {
  const library = koffi.load("libc.so.6");
  return {
    socket: library.func("int socket(int, int, int)") as Calls["socket"],
    sendto: library.func(
      "long sendto(int, const void *, size_t, int, const void *, unsigned int)",
    ) as Calls["sendto"],
    close: library.func("int close(int)") as Calls["close"],
  };
}

function errnoName(): string {
  const number = koffi.errno();
  const known = Object.entries(constants.errno).find(([, each]) => each === number);
  return known?.[0] ?? `errno ${String(number)}`;
}

function unusable(path: string, why: string): VmmschedError {
  return new VmmschedError(
    "ERR_SERVICE_MANAGER",
    `the service manager's socket ${path} (NOTIFY_SOCKET) cannot be used: ${why}`,
    { path },
  );
}

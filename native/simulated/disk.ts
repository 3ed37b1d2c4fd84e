/** A disk that serves one request after the other, each at the lesser of its own speed and the limit that the host has set. */
export class Disk {
  /** 0 is none. */
  limitBytesPerSecond = 0;
  /** When it has served all that it was given. */
  #idleNs = 0;

  constructor(private readonly bytesPerSecond: number) {}

  /** Takes a request; returns when it is served. Times are its guest's. */
  submit(nowNs: number, bytes: number): number {
    const speed = Math.min(this.bytesPerSecond, this.limitBytesPerSecond || Infinity);
    this.#idleNs = Math.max(this.#idleNs, nowNs) + Math.ceil((1e9 * bytes) / speed);
    return this.#idleNs;
  }
}

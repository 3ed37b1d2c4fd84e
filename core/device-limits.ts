import { isVmmschedError } from "./errors.js";

/** Block devices that can each be limited, and what a limit of one is. */
export interface LimitedDevices<Limits> {
  /** Limits of each device now, by its name; undefined where none can be set at present, but it keeps those it has. */
  read(): ReadonlyMap<string, Limits | undefined>;
  write(device: string, limits: Limits): void;
  /** `own`, and no more than this many bytes per second; what is stricter already stays. */
  limited(own: Limits, bytesPerSecond: number): Limits;
  /** Bytes per second that they let through; 0 is any number. */
  bytesPerSecond(limits: Limits): number;
  isSame(one: Limits, other: Limits): boolean;
}

interface Device<Limits> {
  /** What others gave it last, and what it showed when we left it. */
  own: Limits;
  left: Limits;
  /** What of ours is in force; 0 is nothing. */
  limit: number;
  isSettable: boolean;
}

/**
 * One limit for all block devices of a domain. What a device has from others comes back as it was, stays where it is stricter, and is
 * known for each device by itself: the domain's own limit, a single number, could not tell.
 */
export class DeviceLimits<Limits> {
  #devices = new Map<string, Device<Limits>>();
  #limit = 0;
  #readMs = -Infinity;

  /** They are asked no more often than every `everyMs`, but for when something is set. */
  constructor(
    private readonly devices: LimitedDevices<Limits>,
    private readonly everyMs: number,
  ) {}

  /**
   * The greatest limit of any device, in bytes per second; 0 where one has none. As soon as one has not what we set, because somebody
   * else has changed it or it is new, it is that of what others gave them. Undefined without devices. Throws what they throw.
   */
  get(): number | undefined {
    if (performance.now() >= this.#readMs + this.everyMs) this.#read();
    // One that could not be set when the limit was changed.
    if (this.#settable().some(({ limit }) => limit !== 0 && limit !== this.#limit)) this.set(this.#limit);
    const devices = this.#settable();
    if (devices.length === 0) return undefined;
    const areOurs = devices.every(({ limit }) => limit === this.#limit);
    const limits = devices.map(({ own, left }) => this.devices.bytesPerSecond(areOurs ? left : own));
    return limits.includes(0) ? 0 : Math.max(...limits);
  }

  /** 0: what each has from others. Throws what they throw; devices before the one that is refused have it then. */
  set(limit: number): void {
    this.#read();
    this.#limit = limit;
    let isChanged = false;
    try {
      for (const [name, device] of this.#devices) {
        if (!device.isSettable) continue;
        const wanted = limit === 0 ? device.own : this.devices.limited(device.own, limit);
        if (!this.devices.isSame(wanted, device.left)) {
          this.devices.write(name, wanted);
          isChanged = true;
          device.left = wanted;
        }
        device.limit = limit;
      }
    } catch (error) {
      if (isChanged) this.#tryToRead();
      throw error;
    }
    if (isChanged) this.#read("ours");
  }

  /** Every device has what others gave it. */
  giveBack(): void {
    if (this.#limit !== 0) this.set(0);
  }

  #settable(): readonly Device<Limits>[] {
    return [...this.#devices.values()].filter(({ isSettable }) => isSettable);
  }

  #tryToRead(): void {
    try {
      this.#read("ours");
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
    }
  }

  /** What differs from before is of our doing, or somebody else's. */
  #read(whose: "ours" | "others'" = "others'"): void {
    const devices = new Map<string, Device<Limits>>();
    for (const [name, present] of this.devices.read()) {
      const known = this.#devices.get(name);
      if (known === undefined) {
        if (present !== undefined)
          devices.set(name, { own: present, left: present, limit: 0, isSettable: true });
        continue;
      }
      devices.set(name, known);
      known.isSettable = present !== undefined;
      if (present === undefined) continue;
      if (whose === "others'" && !this.devices.isSame(present, known.left)) {
        known.own = present;
        known.limit = 0;
      }
      known.left = present;
    }
    this.#devices = devices;
    this.#readMs = performance.now();
  }
}

import { DeviceLimits } from "../../core/device-limits.js";
import { isObject, type Json, type JsonObject, type Qmp } from "./qmp.js";

/**
 * What BlockDeviceInfo tells and BlockIOThrottle takes (qapi/block-core.json): averages, bursts, their lengths in seconds. A total and
 * one for reads or writes exclude each other (throttle_is_valid, util/throttle.c).
 */
const byteMembers = ["bps", "bps_rd", "bps_wr"] as const;
const byteBurstMembers = byteMembers.flatMap((name) => [`${name}_max`, `${name}_max_length`] as const);
const operationMembers = ["iops", "iops_rd", "iops_wr"] as const;
const operationBurstMembers = operationMembers.flatMap(
  (name) => [`${name}_max`, `${name}_max_length`] as const,
);
const members = [
  ...byteMembers,
  ...operationMembers,
  ...byteBurstMembers,
  ...operationBurstMembers,
  "iops_size",
] as const;

/** Limits of one device. What is missing is 0. */
type Throttle = Readonly<Partial<Record<(typeof members)[number], number>>> & { readonly group?: string };

/** query-block may have to wait for whatever the images lie on, and a device that is plugged in has no event: it is asked this often. */
const readEveryMs = 1000;

/**
 * Limit of what each disk of a machine reads and writes: QMP `query-block` and `block_set_io_throttle` for every block device that can be
 * written and has a medium. Devices in one throttle group share the limit. What a device has from others comes back as it was, bursts,
 * operations and group included.
 */
export class BlockThrottle {
  readonly #limits: DeviceLimits<Throttle>;

  constructor(
    private qmp: Qmp,
    everyMs = readEveryMs,
  ) {
    const read = () => readDevices(this.qmp.execute("query-block"));
    const write = (id: string, throttle: Throttle) =>
      void this.qmp.execute("block_set_io_throttle", { id, ...complete(throttle) });
    this.#limits = new DeviceLimits({ read, write, limited, bytesPerSecond, isSame }, everyMs);
  }

  /** From now on over this connection. */
  use(qmp: Qmp): void {
    this.qmp = qmp;
  }

  /** As {@link DeviceLimits.get}. Throws ERR_HYPERVISOR_CALL and ERR_DOMAIN_GONE. */
  get(): number | undefined {
    return this.#limits.get();
  }

  /** As {@link DeviceLimits.set}; throws as {@link get}. */
  set(limit: number): void {
    this.#limits.set(limit);
  }

  giveBack(): void {
    this.#limits.giveBack();
  }
}

/** Throttle of each device of the guest that can be written, by its id; undefined where it has no medium. */
function readDevices(answer: Json): ReadonlyMap<string, Throttle | undefined> {
  const devices = new Map<string, Throttle | undefined>();
  for (const each of Array.isArray(answer) ? (answer as readonly Json[]) : []) {
    const { qdev, inserted } = isObject(each) ? each : {};
    if (typeof qdev !== "string" || qdev === "") continue;
    if (!isObject(inserted)) devices.set(qdev, undefined);
    else if (inserted.ro !== true) devices.set(qdev, throttleIn(inserted));
  }
  return devices;
}

function throttleIn(inserted: JsonObject): Throttle {
  const found = members.flatMap((member) => {
    const value = inserted[member];
    return typeof value === "number" ? [[member, value] as const] : [];
  });
  const { group } = inserted;
  return { ...Object.fromEntries(found), ...(typeof group === "string" ? { group } : {}) };
}

/** Bytes per second of reads and writes together; 0 is no limit. */
function bytesPerSecond({ bps = 0, bps_rd: read = 0, bps_wr: write = 0 }: Throttle): number {
  if (bps > 0) return bps;
  return read > 0 && write > 0 ? read + write : 0;
}

/** What is stricter than the limit stays; one that is for reads or for writes becomes one for both. */
function limited(own: Throttle, limit: number): Throttle {
  const total = bytesPerSecond(own);
  if (total > 0 && total <= limit) return own;
  const least = byteMembers.map((member) => own[member] ?? 0).filter((value) => value > 0);
  const kept = [...operationMembers, ...operationBurstMembers, "iops_size"] as const;
  return {
    ...Object.fromEntries(
      kept.flatMap((member) => (own[member] === undefined ? [] : [[member, own[member]]])),
    ),
    ...(own.group === undefined ? {} : { group: own.group }),
    bps: Math.min(limit, ...least),
  };
}

/** The six averages must be given. Without any limit there is no group. */
function complete(throttle: Throttle): JsonObject {
  const averages = [...byteMembers, ...operationMembers].map(
    (member) => [member, throttle[member] ?? 0] as const,
  );
  return { ...throttle, ...Object.fromEntries(averages) };
}

function isSame(one: Throttle, other: Throttle): boolean {
  return members.every((member) => (one[member] ?? 0) === (other[member] ?? 0));
}

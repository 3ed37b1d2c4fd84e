/** A block device of the guest as `query-block` tells it, with what a test needs. */
export interface ScriptedDisk {
  readonly qdev: string;
  readonly ro?: boolean;
  /** Its medium is out. */
  readonly empty?: boolean;
  /** Limits, by the names of BlockIOThrottle. */
  readonly throttle?: Readonly<Record<string, number>>;
  readonly group?: string;
}

const averages = ["bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"];

/** Block devices that are throttled by the rules of QEMU (block/qapi-system.c, block/throttle-groups.c). */
export class ScriptedDisks {
  disks: readonly ScriptedDisk[] = [];

  /** The `return` of `query-block`. */
  query(): unknown {
    const backends = this.disks.map(({ qdev, ro = false, empty = false, throttle, group }) => {
      const limits = { ...zeros(), ...throttle, ...(group === undefined ? {} : { group }) };
      return { device: "", qdev, ...(empty ? {} : { inserted: { ro, file: "disk", ...limits } }) };
    });
    return [{ device: "unused", inserted: { ro: false, ...zeros() } }, ...backends];
  }

  /** `block_set_io_throttle`; returns why it is refused. */
  set({ id, group, ...limits }: Readonly<Record<string, unknown>>): string | undefined {
    const disk = this.disks.find(({ qdev }) => qdev === id);
    if (disk === undefined) return `Device '${String(id)}' not found`;
    if (disk.empty === true) return "Device has no medium";
    const given = limits as Readonly<Record<string, number>>;
    if (averages.some((name) => given[name] === undefined)) return "a parameter is missing";
    if (given.bps! > 0 && given.bps_rd! + given.bps_wr! > 0)
      return "bps/iops/max total values and read/write values cannot be used at the same time";
    const isNone = averages.every((name) => given[name] === 0);
    const joined = isNone ? undefined : ((group as string | undefined) ?? disk.group ?? disk.qdev);
    const throttle = Object.fromEntries(Object.entries(given).filter(([, value]) => value > 0));
    this.disks = this.disks.map((each) => {
      if (each !== disk) return joined !== undefined && each.group === joined ? { ...each, throttle } : each;
      const { qdev, ro = false } = each;
      return joined === undefined ? { qdev, ro } : { qdev, ro, throttle, group: joined };
    });
    return undefined;
  }
}

function zeros(): Record<string, number> {
  return Object.fromEntries(averages.map((name) => [name, 0]));
}

/** How one version of cgroups keeps weight and cap. Its files hold text that others may have written, too. */
export interface CgroupFormat {
  readonly weight: CgroupFile;
  readonly cap: CgroupFile;
}

/** One number of a share, and the file of a cgroup that keeps it. */
export interface CgroupFile {
  readonly file: string;
  /** A file with the number of microseconds that this one counts in; where there is none, `unitUs` is not used. */
  readonly unitFile?: string;
  /** In a share's units; NaN where the text is not understood. */
  parse(text: string, unitUs: number): number;
  format(value: number, unitUs: number): string;
}

/** A share's default weight, which is the default everywhere. */
const shareDefault = 256;
const periodUs = 100_000;

/** cgroup v2: cpu.weight and cpu.max (Documentation/admin-guide/cgroup-v2.rst). */
export const cgroupV2: CgroupFormat = {
  weight: weightFile("cpu.weight", 100, 1, 10_000),
  cap: {
    file: "cpu.max",
    parse: (text) => {
      const [quota = "", period = ""] = text.split(" ");
      return quota === "max" ? 0 : percentOf(Number(quota), Number(period));
    },
    format: (percent) => `${percent === 0 ? "max" : quotaUs(percent, periodUs)} ${periodUs}`,
  },
};

/** cgroup v1: cpu.shares and cpu.cfs_quota_us, in periods that stay as they are (Documentation/scheduler/sched-bwc.rst). */
export const cgroupV1: CgroupFormat = {
  weight: weightFile("cpu.shares", 1024, 2, 262_144),
  cap: {
    file: "cpu.cfs_quota_us",
    unitFile: "cpu.cfs_period_us",
    parse: (text, unitUs) => (Number(text) < 0 ? 0 : percentOf(Number(text), unitUs)),
    format: (percent, unitUs) => (percent === 0 ? "-1" : quotaUs(percent, unitUs)),
  },
};

function weightFile(file: string, usual: number, least: number, greatest: number): CgroupFile {
  return {
    file,
    parse: (text) => Math.round((Number(text) * shareDefault) / usual),
    format: (weight) => {
      const scaled = Math.round((weight * usual) / shareDefault);
      return String(Math.min(greatest, Math.max(least, scaled)));
    },
  };
}

function percentOf(quota: number, period: number): number {
  return Math.max(1, Math.round((100 * quota) / period));
}

function quotaUs(percent: number, period: number): string {
  return String(Math.round((percent * period) / 100));
}

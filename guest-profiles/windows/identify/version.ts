import { vaFromBigInt, type AddressSpace } from "vmmsched/plugin-api";
import { attempt } from "./attempt.js";

/** KUSER_SHARED_DATA: its address and the beginning of its layout are the same in all x64 builds. */
const userSharedData = vaFromBigInt(0xffff_f780_0000_0000n);
const members = { NtBuildNumber: 0x260, NtMajorVersion: 0x26c, NtMinorVersion: 0x270 } as const;
/** Bit 31 tells free builds from checked ones in some versions. */
const buildMask = 0xffff;

/** What Windows says to its own programs of itself. */
export interface WindowsVersion {
  readonly major: number;
  readonly minor: number;
  /** Absent before Windows 10. */
  readonly build?: number;
}

/** Undefined where the page is not there, or says what no version is. */
export function readVersion(space: AddressSpace): WindowsVersion | undefined {
  const version = attempt(() => ({
    major: space.u32(userSharedData, members.NtMajorVersion),
    minor: space.u32(userSharedData, members.NtMinorVersion),
    build: space.u32(userSharedData, members.NtBuildNumber) & buildMask,
  }));
  if (version === undefined || version.major < 6 || version.major > 10 || version.minor > 9) return undefined;
  const { major, minor, build } = version;
  return major >= 10 ? { major, minor, build } : { major, minor };
}

export function formatVersion({ major, minor, build }: WindowsVersion): string {
  return [major, minor, ...(build === undefined ? [] : [build])].join(".");
}

/** Releases of one code base: an enablement package changes the number that they show, and nothing in the kernel. */
const sameKernel: Readonly<Record<number, number>> = {
  19042: 19041,
  19043: 19041,
  19044: 19041,
  19045: 19041,
  22631: 22621,
};

/** May a kernel of the build `text` (`major.minor.build.revision`) have run where Windows shows this version? */
export function isBuildOf(text: string, shown: WindowsVersion): boolean {
  const [major, minor, build] = text.split(".").map(Number);
  if (major !== shown.major || minor !== shown.minor) return false;
  return shown.build === undefined || build === (sameKernel[shown.build] ?? shown.build);
}

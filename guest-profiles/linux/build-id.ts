/** ELF note of a build id: sizes of name and id, NT_GNU_BUILD_ID, "GNU" (include/linux/build-salt.h, ld --build-id=sha1). */
const header = Buffer.from([4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0, 0x47, 0x4e, 0x55, 0]);
const idBytes = 20;

/** A build id and where in the searched bytes it stands. */
export interface FoundBuildId {
  readonly buildId: string;
  readonly at: number;
}

/** Every build id in `bytes`: a kernel's read-only data has its own and those of the vDSOs in it. */
export function* buildIds(bytes: Buffer): Generator<FoundBuildId> {
  for (let hit = bytes.indexOf(header); hit >= 0; hit = bytes.indexOf(header, hit + 1)) {
    const at = hit + header.length;
    if (at + idBytes <= bytes.length) yield { buildId: bytes.toString("hex", at, at + idBytes), at };
  }
}

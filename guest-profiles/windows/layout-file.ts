/** The program database that a kernel was linked with: its GUID and age name one build, where a version names several. */
export interface PdbId {
  /** File name, such as `ntkrnlmp.pdb`. */
  readonly name: string;
  /** 32 hexadecimal digits, upper-case, as symbol servers write it. */
  readonly guid: string;
  readonly age: number;
}

/** A bit field: `length` bits from bit `bit` on of the unit at byte `at`. */
export interface BitPlace {
  readonly at: number;
  readonly bit: number;
  readonly length: number;
}

/** What is known of one structure: its size and the places of members, in bytes from its beginning. */
export interface StructureFile {
  readonly size: number;
  readonly members: Readonly<Record<string, number>>;
  readonly bits?: Readonly<Record<string, BitPlace>>;
}

/**
 * What is the same in every guest that runs one build of ntoskrnl. `profile import` writes it; layout.schema.json is its
 * JSON Schema.
 */
export interface LayoutFile {
  readonly schema: 1;
  /** `major.minor.build.revision`, for people, and to find candidates for a kernel that nothing else is known of. */
  readonly build?: string;
  /** Absent where only its types are published: such a layout is a candidate, never certain. */
  readonly pdb?: PdbId;
  /** Bytes from the beginning of the kernel's image. */
  readonly symbols: Readonly<Record<string, number>>;
  readonly structures: Readonly<Record<string, StructureFile>>;
}

/** `GUID-age`, under which symbol servers keep a PDB. */
export function pdbKey({ guid, age }: Pick<PdbId, "guid" | "age">): string {
  return `${guid}-${age}`;
}

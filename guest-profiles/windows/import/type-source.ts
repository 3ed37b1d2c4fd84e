import type { BitPlace, PdbId } from "../layout-file.js";

/** Where a member is: a byte offset, and for a bit field which bits from there on. */
export interface FoundMember {
  readonly offset: number;
  readonly bits?: Omit<BitPlace, "at">;
}

/** What is published about one build of a kernel, whatever the file format. */
export interface TypeSource {
  readonly pdb: PdbId;
  /** Size in bytes of a structure, by its name with the underscore. */
  size(structure: string): number | undefined;
  /** A member by its path, through structures by value. */
  member(structure: string, path: string): FoundMember | undefined;
  /** Bytes from the beginning of the image. */
  symbol(name: string): number | undefined;
}

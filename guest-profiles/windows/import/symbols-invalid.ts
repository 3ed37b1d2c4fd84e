import { VmmschedError } from "vmmsched/plugin-api";

/** What was found in a PDB that cannot be. */
export function invalidPdb(found: string): VmmschedError {
  return new VmmschedError(
    "ERR_SYMBOLS_INVALID",
    `this PDB cannot be used: ${found}. Expected the whole PDB of a 64-bit ntoskrnl.exe; get the file again`,
  );
}

/** Did a read leave its buffer? What hostile offsets and lengths lead to. */
export function leftBuffer(error: unknown): boolean {
  return error instanceof RangeError;
}

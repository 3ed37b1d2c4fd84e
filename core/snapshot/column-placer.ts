/** Memory for columns: shared where other threads read it. */
export type ColumnBuffer = SharedArrayBuffer | ArrayBuffer;

interface ColumnType<T> {
  new (buffer: ColumnBuffer, at: number, length: number): T;
  readonly BYTES_PER_ELEMENT: number;
}

/** Places columns one behind the other; widest first keeps every one aligned. */
export function columnPlacer(buffer: ColumnBuffer, capacity: number) {
  let at = 0;
  return <T>(type: ColumnType<T>, perRow = 1): T => {
    const column = new type(buffer, at, capacity * perRow);
    at += capacity * perRow * type.BYTES_PER_ELEMENT;
    return column;
  };
}

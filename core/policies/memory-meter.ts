import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { VmmschedError } from "../errors.js";

/** After a collection that found the memory in use to be within bounds, so much of the limit may fill with garbage. */
const garbageShare = 0.25;

/**
 * Measures what a plugin keeps, in the heap of its thread and in buffers outside of it. V8's own limit does not serve:
 * it knows nothing of buffers, and a single large object beyond it ends the whole process.
 */
export class MemoryMeter {
  readonly #limitBytes: number;
  /** More than this is looked into. */
  #suspectBytes: number;

  /** To be made when all that is not the plugin's is there already. */
  constructor(
    private readonly memoryMb: number,
    private readonly code: "ERR_POLICY_FAILED" | "ERR_PROFILE_FAILED",
  ) {
    this.#limitBytes = bytesInUse() + memoryMb * 2 ** 20;
    this.#suspectBytes = this.#limitBytes;
  }

  /** Throws an error of its code when the plugin keeps too much. Cheap, until it looks as if. */
  check(): void {
    if (bytesInUse() <= this.#suspectBytes) return;
    collectGarbage();
    const bytes = bytesInUse();
    this.#suspectBytes = Math.max(this.#limitBytes, bytes + garbageShare * this.memoryMb * 2 ** 20);
    if (bytes > this.#limitBytes)
      throw new VmmschedError(this.code, `it keeps more than ${this.memoryMb} MB of memory (policyMemoryMb)`);
  }
}

function bytesInUse(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

/** Twice, since the memory of buffers is given back by the next one. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  collect();
}

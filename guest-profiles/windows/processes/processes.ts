import { StructCursor, vaOffset, type Domain, type GuestVa } from "vmmsched/plugin-api";
import type { IdentifiedKernel } from "../identify/identify.js";
import { Blink } from "../list-entry.js";
import type { WorkLimit } from "../work-limit.js";
import { ProcessCensus } from "./process-census.js";
import { processHeader, type ProcessPlaces } from "./process-header.js";
import { ProcessList } from "./process-list.js";
import { RamSearch } from "./ram-search.js";
import { runningProcesses } from "./running-threads.js";

/**
 * The processes of a guest: those that it lists, and those that it does not list and that processors run, or that a search of
 * RAM finds.
 */
export class Processes {
  readonly places: ProcessPlaces;
  /** The process that is visited. */
  readonly process: StructCursor;
  readonly #list: ProcessList;
  readonly #census: ProcessCensus;
  readonly #search: RamSearch;

  constructor(
    private readonly domain: Domain,
    private readonly found: IdentifiedKernel,
  ) {
    const { space, layout, system } = found;
    this.places = { space, layout, system, header: processHeader(space, system, layout) };
    this.process = new StructCursor(space);
    this.#list = new ProcessList(this.places, listHead(found, this.places));
    this.#census = new ProcessCensus(this.places, domain.readOnly !== undefined);
    this.#search = new RamSearch(domain, this.places, (process) => this.#census.offer(process));
  }

  /** How many are known. */
  get count(): number {
    return this.#census.count;
  }

  /** Searches all of RAM, which takes a while. Throws ERR_GUEST_CORRUPT. */
  async searchAll(): Promise<void> {
    await this.#search.searchAll();
  }

  /** Searches some of RAM: not while the guest is paused, it takes a millisecond or two. Throws ERR_GUEST_CORRUPT. */
  searchSome(): void {
    this.#search.searchSome();
  }

  /** A scan begins: it may start over. */
  beginScan(): void {
    this.#census.beginScan();
  }

  /** Calls `visit` for each, those in the list first. Throws ERR_GUEST_CORRUPT where the list is none. */
  forEach(limit: WorkLimit, visit: (hidden: boolean) => void): void {
    const visitListed = () => {
      this.process.to(this.#list.process);
      this.#census.meet(this.process.address);
      visit(false);
    };
    const isWhole = this.#walk(limit, visitListed);
    for (const process of runningProcesses(this.places, this.found.processors)) this.#census.offer(process);
    this.#census.forEachUnlisted((process) => {
      limit.count();
      this.process.address = process;
      visit(isWhole);
    });
  }

  /** False where the list breaks off because memory is missing: then what it lacks is not hidden. */
  #walk(limit: WorkLimit, visit: () => void): boolean {
    if (this.domain.readOnly !== undefined) return this.#list.forEachReadable(limit, visit);
    this.#list.forEach(limit, visit);
    return true;
  }
}

/** PsActiveProcessHead: by its symbol, by the debugger data block, else what comes before the first process, System. */
function listHead({ base, debuggerData, standing }: IdentifiedKernel, places: ProcessPlaces): GuestVa {
  const { space, layout, system } = places;
  const symbol = standing === "exact" ? layout.symbols.PsActiveProcessHead : undefined;
  if (symbol !== undefined) return vaOffset(base, symbol);
  const told = debuggerData?.pointer("PsActiveProcessHead");
  if (told !== undefined) return told;
  return space.pointer(system, layout.EPROCESS.ActiveProcessLinks + Blink);
}

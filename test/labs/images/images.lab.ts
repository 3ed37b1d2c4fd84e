import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { GuestKernel } from "../../../core/guest-profile.js";
import { SnapshotBuilder } from "../../../core/snapshot/snapshot-builder.js";
import { TaskColumns, nameBytes } from "../../../core/snapshot/task-columns.js";
import linux from "../../../guest-profiles/linux/index.js";
import { ImageHypervisor } from "../../../native/image/index.js";

/**
 * Compares what is read from images of real guests with what the guests' own /proc said. VMMSCHED_IMAGES names a folder
 * with, for each guest, NAME.json and images of the guest while it was stopped between the two listings of it:
 * NAME.raw, NAME.elf (dump-guest-memory), NAME.core (xl dump-core), as many as there are.
 */
interface Listings {
  /** `uname -r`. */
  readonly kernel: string;
  /** A line `TGID TID STATE COMM` for each thread, before and after. */
  readonly before: readonly string[];
  readonly after: readonly string[];
}

const folder = process.env.VMMSCHED_IMAGES ?? "";
const extensions = ["raw", "elf", "core"];
/** Longest name that task_struct keeps; /proc completes those of kernel threads. */
const longestName = nameBytes - 1;

function threads(lines: readonly string[]): ReadonlySet<string> {
  return new Set(
    lines.map((line) => {
      const [tgid = "", tid = "", , ...comm] = line.split(" ");
      return `${tgid}/${tid} ${comm.join(" ").slice(0, longestName)}`;
    }),
  );
}

function scanned(kernel: GuestKernel): ReadonlySet<string> {
  const builder = new SnapshotBuilder(TaskColumns.allocate(16384));
  builder.beginDomain(0);
  kernel.scan(builder);
  const { process: processes, id, name } = builder.columns;
  const nameOf = (row: number) => {
    const bytes = Buffer.from(name.slice(row * nameBytes, (row + 1) * nameBytes));
    return bytes.toString("latin1", 0, bytes.indexOf(0));
  };
  return new Set(
    Array.from(
      { length: builder.rows },
      (_, row) => `${String(processes[row])}/${String(id[row])} ${nameOf(row)}`,
    ),
  );
}

/** A worker of the kernel bears the name of what it does at the moment. */
const changesName = (thread: string) => thread.includes(" kworker/");

describe("images of real guests", () => {
  const guests = readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .map((file) => file.slice(0, -".json".length));
  const images = guests.flatMap((guest) =>
    extensions.map((extension) => ({ guest, file: `${guest}.${extension}` })),
  );

  it("are there", () => assert.ok(guests.length > 0, `no NAME.json in VMMSCHED_IMAGES (${folder})`));

  for (const { guest, file } of images.filter((image) => existsSync(join(folder, image.file)))) {
    it(`${file}: every thread is listed as the guest's own /proc has it`, async () => {
      const listings = JSON.parse(readFileSync(join(folder, `${guest}.json`), "utf8")) as Listings;
      using hypervisor = new ImageHypervisor(join(folder, file));
      const kernel = await linux.attach(hypervisor.open(1));
      assert.ok(kernel !== undefined, "no Linux kernel was recognised");
      assert.equal(kernel.description.version, listings.kernel);
      const [before, after, seen] = [threads(listings.before), threads(listings.after), scanned(kernel)];
      const throughout = [...before].filter((thread) => after.has(thread) && !changesName(thread));
      assert.ok(throughout.length > 10, "the listings are of a guest that runs");
      assert.deepEqual(
        throughout.filter((thread) => !seen.has(thread)),
        [],
        "not seen",
      );
      const known = new Set([...before, ...after].map((thread) => thread.split(" ")[0]));
      const unknown = [...seen].filter(
        (thread) => !known.has(thread.split(" ")[0]) && !/ (irq\/|kworker\/)/.test(thread),
      );
      assert.deepEqual(unknown, [], "seen, but in no listing");
    });
  }
});

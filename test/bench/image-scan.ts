import { SnapshotBuilder } from "../../core/snapshot/snapshot-builder.js";
import { TaskColumns } from "../../core/snapshot/task-columns.js";
import linux from "../../guest-profiles/linux/index.js";
import { ImageHypervisor } from "../../native/image/index.js";

/** The kernel in an image, and a scan of all its threads and run queues. */
export async function openImageScan(path: string) {
  const kernel = await linux.attach(new ImageHypervisor(path).open(1));
  if (kernel === undefined) throw new Error(`${path}: no Linux kernel was recognised`);
  const builder = new SnapshotBuilder(TaskColumns.allocate(16_384));
  return {
    description: kernel.description,
    threads: () => builder.rows,
    scan: () => {
      builder.begin();
      builder.beginDomain(0);
      kernel.scan(builder);
    },
  };
}

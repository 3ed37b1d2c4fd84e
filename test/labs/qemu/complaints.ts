import assert from "node:assert/strict";
import { complaint } from "../health.js";
import type { QemuGuest } from "./qemu-guest.js";

/** The kernel has said nothing of a defect on its own serial line. */
export async function assertNoComplaint(guest: QemuGuest): Promise<void> {
  const lines = (await guest.kernelLog()).split("\n").filter((line) => complaint.test(line));
  // Said at every boot: how the kernel means to find stalls, not that there is one.
  const real = lines.filter(
    (line) =>
      !/rcu: (Preemptible hierarchical|\tRCU|\t|RCU calculated|Hierarchical|srcu|Adjusting|Rude|Tasks)/i.test(
        line,
      ),
  );
  assert.deepEqual(real, [], `${guest.name}'s kernel complained`);
}

import assert from "node:assert/strict";
import type { QemuGuest } from "./qemu-guest.js";

const complaint =
  /WARNING:|BUG:|Oops|psi: |hung_task|blocked for more than|soft lockup|rcu.*(stall|starved)|Call Trace|list_(add|del) corruption|general protection|double fault|segfault/;

/** The kernel has said nothing of a defect on its own serial line, since it began to boot. */
export async function assertNoComplaint(guest: QemuGuest): Promise<void> {
  const lines = (await guest.kernelLog()).split("\n").filter((line) => complaint.test(line));
  assert.deepEqual(lines, [], `${guest.name}'s kernel complained`);
}

import assert from "node:assert/strict";
import { isComplaint } from "../../../guest-profiles/linux/complaints.js";
import type { QemuGuest } from "./qemu-guest.js";

/** What stands before a message on a serial line. */
const timeStamp = /^\[ *\d+\.\d+\] /;
/** In labs all programs are ours, and where the message begins is not always known: more counts than in a guest of somebody's. */
const suspicious =
  /WARNING:|BUG:|Oops|psi: |hung_task|blocked for more than|soft lockup|rcu.*(stall|starved)|Call Trace|list_(add|del) corruption|general protection|double fault|segfault/;

/** The kernel has said nothing of a defect on its own serial line, since it began to boot. */
export async function assertNoComplaint(guest: QemuGuest): Promise<void> {
  const lines = (await guest.kernelLog())
    .split("\n")
    .filter((line) => suspicious.test(line) || isComplaint(line.replace(timeStamp, "").trimEnd()));
  assert.deepEqual(lines, [], `${guest.name}'s kernel complained`);
}

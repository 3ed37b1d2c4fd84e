import {
  isKernelObject,
  type Domain,
  type EditTransaction,
  type GuestEventChannel,
} from "vmmsched/plugin-api";
import type { LinuxFacts } from "./facts.js";

/** Bits of a FIFO event word (xen/include/public/event_channel.h). */
const PENDING = 1 << 31;
const MASKED = 1 << 30;
const LINKED = 1 << 29;
const wordsPerPage = 1024;

/** Bitmaps in the guest's shared_info page, 64-bit guests (xen/include/public/xen.h). */
const sharedPending = 2048;
const sharedMask = 2560;

/**
 * Stages a notification of vCPU 0 through our own event channel. The guest knows nothing of the port: it takes the
 * upcall, finds no handler, and goes through its idle loop, which is all we want. A new port is masked and nobody clears
 * its pending bit, so both are cleared before each notification. False where the guest has no such channel.
 */
export function stageEventChannelKick(facts: LinuxFacts, domain: Domain, edit: EditTransaction): boolean {
  const channel = domain.eventChannel?.();
  if (channel === undefined) return false;
  const fifo = facts.symbols.get("xen_fifo_events");
  const isFifo = fifo !== undefined && facts.space.u8(fifo, 0) !== 0;
  return isFifo ? stageFifo(facts, channel, edit) : stageTwoLevel(facts, channel, edit);
}

function stageFifo(facts: LinuxFacts, channel: GuestEventChannel, edit: EditTransaction): boolean {
  const { port } = channel;
  const array = facts.symbols.get("event_array");
  if (array === undefined) return false;
  const page = facts.space.pointer(array, 8 * Math.floor(port / wordsPerPage));
  if (!isKernelObject(page)) return false;
  const at = 4 * (port % wordsPerPage);
  const word = facts.space.u32(page, at);
  if ((word & LINKED) !== 0) return true;
  edit
    .expect32(page, at, word)
    .write32(page, at, (word & ~(PENDING | MASKED)) >>> 0)
    .notify(channel);
  return true;
}

function stageTwoLevel(facts: LinuxFacts, channel: GuestEventChannel, edit: EditTransaction): boolean {
  const { port } = channel;
  const symbol = facts.symbols.get("HYPERVISOR_shared_info");
  if (symbol === undefined) return false;
  const page = facts.space.pointer(symbol, 0);
  if (!isKernelObject(page)) return false;
  const bit = 1 << (port & 31);
  for (const bitmap of [sharedPending, sharedMask]) {
    const at = bitmap + 4 * (port >>> 5);
    const word = facts.space.u32(page, at);
    edit.expect32(page, at, word).write32(page, at, (word & ~bit) >>> 0);
  }
  edit.notify(channel);
  return true;
}

import { objectType } from "./constants.js";
import type { Cpu, Kernel, Steps } from "./kernel.js";
import { allocateObject } from "./object.js";
import { initializeDispatcherHeader, signalObject } from "./wait.js";
import type { Channel } from "./workload.js";

const KEVENT = 0x18;
/** What a queue's signal is worth to the worker that waits for it. */
const workIncrement = 1;

/** ExQueueWorkItem: a worker thread of System does it soon. */
export function queueWorkItem(kernel: Kernel, item: (cpu: Cpu) => Steps): void {
  kernel.workItems.push(item);
  wakeWorker(kernel);
}

/** The item that was queued first, if any. While there are more, another worker is woken. */
export function nextWorkItem(kernel: Kernel): ((cpu: Cpu) => Steps) | undefined {
  const item = kernel.workItems.shift();
  if (kernel.workItems.length > 0) wakeWorker(kernel);
  return item;
}

function wakeWorker(kernel: Kernel): void {
  kernel.requests.push((cpu) => signalObject(kernel, cpu, eventOf(kernel, kernel.work), workIncrement));
}

/** The channel's synchronization event, made when it is first used. */
export function eventOf(kernel: Kernel, channel: Channel): number {
  if (channel.event !== 0) return channel.event;
  channel.event = allocateObject(kernel, "event", KEVENT, false);
  initializeDispatcherHeader(kernel, channel.event, objectType.EventSynchronizationObject, KEVENT);
  return channel.event;
}

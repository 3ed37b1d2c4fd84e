import { trapFrame } from "./constants.js";
import type { Kernel } from "./kernel.js";

/** How a thread came from user mode into the kernel: KTRAP_FRAME.ExceptionActive. */
export const entry = { interrupt: 0, systemCall: 2 } as const;

/** Selectors of user mode. */
const [userCode, userData] = [0x33, 0x2b];
const userRip = 0x7ff600001234;

/** The frame at the beginning of a kernel stack: that of a thread about to see user mode for the first time. */
export function initializeTrapFrame(kernel: Kernel, thread: number): void {
  const frame = frameOf(kernel, thread);
  kernel.memory.w64(frame, trapFrame.Rip, userRip);
  kernel.memory.w16(frame, trapFrame.SegCs, userCode);
  kernel.memory.w16(frame, trapFrame.SegSs, userData);
  enterKernel(kernel, thread, entry.systemCall);
}

/** The current thread leaves user mode. */
export function enterKernel(kernel: Kernel, thread: number, how: number): void {
  kernel.memory.w8(frameOf(kernel, thread), trapFrame.ExceptionActive, how);
}

function frameOf(kernel: Kernel, thread: number): number {
  return kernel.memory.s64(thread, kernel.layout.thread.InitialStack) - trapFrame.bytes;
}

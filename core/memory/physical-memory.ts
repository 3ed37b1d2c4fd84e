import type { Frame } from "./address.js";

/**
 * A domain's memory by frame, as its driver maps it. Reads are legal at any time and need no pause; what they return
 * may be half written. Frames that do not exist, are ballooned out or not mappable throw ERR_FRAME_UNREADABLE.
 * Two readers are enough for everything else (see AddressSpace).
 */
export interface PhysicalMemory {
  /**
   * The little-endian 32-bit word at byte `offset` (a multiple of 4, below 4096) of `frame`, signed: such numbers are
   * small integers to V8 and cost no allocation, where an unsigned one may.
   */
  i32(frame: Frame, offset: number): number;
  /** Fills `into` from `frame` at `offset`; must not cross the frame's end. */
  read(frame: Frame, offset: number, into: Uint8Array): void;
  /**
   * Bulk copy of whole frames to consecutive 4096-byte pieces of `into`, for scans: nothing stays mapped afterwards.
   * Frames that cannot be read are zero-filled. Returns the number of frames that were read.
   */
  readFrames(frames: readonly Frame[], into: Uint8Array): number;
}

/** Memory of a paused domain: the only kind that can be written. */
export interface WritablePhysicalMemory extends PhysicalMemory {
  /** Stores a 32-bit word at `offset` (a multiple of 4). Throws ERR_FRAME_UNWRITABLE. */
  write32(frame: Frame, offset: number, value: number): void;
}

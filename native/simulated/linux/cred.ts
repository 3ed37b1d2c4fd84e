import type { KernelMemory } from "./kernel-memory.js";
import { cred } from "./offsets.js";
import type { PageAllocator } from "./page-allocator.js";

/** The first user that is not the system's. */
const firstUser = 1000;

/** struct cred of root and of a user. */
export function newCredentials(
  memory: KernelMemory,
  allocator: PageAllocator,
): { root: number; user: number } {
  const root = memory.pageAddress(allocator.zeroedPage());
  const user = root + 2 * cred.size;
  memory.w32(user, cred.uid, firstUser);
  return { root, user };
}

import {
  AddressSpace,
  isKernelObject,
  VmmschedError,
  type Domain,
  type GuestKernel,
  type GuestProfile,
} from "vmmsched/plugin-api";
import { header, headerVa, isToy } from "./header.js";
import { ToyKernel, type Layout } from "./toy-kernel.js";

/** As plugin.json describes them. */
export interface Options {
  readonly protect: readonly string[];
}

/** More records than any toy has: what claims to have more is damaged. */
const mostRecords = 4096;

export default {
  attach: (domain, options, layouts) => Promise.resolve().then(() => find(domain, options, layouts)),
} satisfies GuestProfile<Options>;

function find(
  domain: Domain,
  options: Options,
  layouts: ReadonlyMap<string, unknown>,
): GuestKernel | undefined {
  for (const { paging, root } of domain.vcpus()) {
    const space = new AddressSpace(domain.memory, paging, root);
    if (isToy(space)) return kernelIn(space, options, layouts);
  }
  return undefined;
}

/** It is a toy: from here on, what does not fit is an error with a reason. */
function kernelIn(space: AddressSpace, options: Options, layouts: ReadonlyMap<string, unknown>): GuestKernel {
  const version = String(space.u32(headerVa, header.version));
  const layout = layouts.get(`layouts/${version}.json`) as Layout | undefined;
  if (layout === undefined)
    throw new VmmschedError("ERR_GUEST_UNSUPPORTED", `there is no layout of version ${version} of the toy`);
  if (space.u32(headerVa, header.up) !== 1)
    throw new VmmschedError("ERR_GUEST_NOT_READY", "the toy is still starting");
  const table = space.pointer(headerVa, header.table);
  const capacity = space.u32(headerVa, header.capacity);
  if (!isKernelObject(table) || capacity === 0 || capacity > mostRecords)
    throw new VmmschedError("ERR_GUEST_CORRUPT", "the header of the toy describes no task table");
  return new ToyKernel({ space, version, layout, table, capacity, protect: new Set(options.protect) });
}

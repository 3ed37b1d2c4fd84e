import assert from "node:assert/strict";
import { isVmmschedError, messageOf } from "../errors.js";
import type { GuestKernel, GuestProfile } from "../guest-profile.js";
import type { ContractCheck } from "./contract.js";
import { foreignDomain, type Contents } from "./foreign-domain.js";

/** A guest profile on trial. */
export interface ProfileOnTrial {
  readonly profile: GuestProfile;
  /** Complete, as after the defaults of its plugin.json were filled in. */
  readonly options: unknown;
  readonly layouts: ReadonlyMap<string, unknown>;
}

const memories: readonly (readonly [title: string, contents: Contents])[] = [
  ["does not recognise a domain whose memory is all zeros", () => 0],
  ["does not recognise a domain whose memory is noise", (word) => Math.imul(word ^ (word >>> 7), 0x9e3779b1)],
  ["does not recognise a domain whose memory cannot be read", () => undefined],
];

/** What every guest profile keeps to, whatever operating system it is for: what it does not know, it leaves alone. */
export const profileContract: readonly ContractCheck<ProfileOnTrial>[] = memories.map(
  ([title, contents]) => ({
    title,
    async run(trial) {
      using kernel = await attached(trial, contents);
      if (kernel !== undefined)
        assert.fail(
          `attach recognised ${kernel.description.os} ${kernel.description.version}; expected undefined`,
        );
      return [];
    },
  }),
);

async function attached(
  { profile, options, layouts }: ProfileOnTrial,
  contents: Contents,
): Promise<GuestKernel | undefined> {
  try {
    return await profile.attach(foreignDomain(contents), structuredClone(options), layouts);
  } catch (error) {
    if (isVmmschedError(error)) return undefined;
    throw new Error(`attach threw ${messageOf(error)}; expected undefined or a VmmschedError`, {
      cause: error,
    });
  }
}

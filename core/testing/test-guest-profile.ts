import type { GuestProfile } from "../guest-profile.js";
import type { Domain } from "../hypervisor.js";
import { foreignDomain } from "./foreign-domain.js";
import { leavesAlone, machineContract } from "./machine-contract.js";
import type { ProfileMachine } from "./profile-trial.js";
import { presentFramework, type TestFramework } from "./test-framework.js";

/** What {@link testGuestProfile} tries a guest profile with. */
export interface GuestProfileTest<Options> {
  /** Complete, as after the defaults of plugin.json were filled in. */
  readonly options: Options;
  /** Contents of the layout files by their path relative to plugin.json. @default none */
  readonly layouts?: ReadonlyMap<string, unknown>;
  /** Makes a new machine, by what it is: `{ "version 2, two CPUs": () => … }`. */
  readonly machines: Readonly<Record<string, () => ProfileMachine>>;
  /** Makes a domain with another operating system, by what it is. */
  readonly foreign?: Readonly<Record<string, () => Domain>>;
  /** Of the damage to memory. @default 1 */
  readonly seed?: number;
  /** @default the global `describe` and `it`, or those of node:test */
  readonly framework?: TestFramework;
}

/** Memory in which there is no operating system. */
const deserts: Readonly<Record<string, () => Domain>> = {
  "whose memory is all zeros": () => foreignDomain(() => 0),
  "whose memory is noise": () => foreignDomain((word) => Math.imul(word ^ (word >>> 7), 0x9e3779b1)),
  "whose memory cannot be read": () => foreignDomain(() => undefined),
};

/**
 * The contract that every guest profile keeps, whatever operating system it is for, as groups of tests: what it knows it
 * lists exactly, holds and lets go, on each of these machines and also when memory is damaged; what it does not know it
 * leaves alone.
 */
export function testGuestProfile<Options>(
  profile: GuestProfile<Options>,
  test: GuestProfileTest<NoInfer<Options>>,
): void {
  const framework = test.framework ?? presentFramework();
  const subject = {
    profile: profile as GuestProfile,
    options: test.options,
    layouts: test.layouts ?? new Map<string, unknown>(),
  };
  for (const [title, machine] of Object.entries(test.machines)) {
    framework.describe(`contract of every guest profile: ${title}`, () => {
      for (const check of machineContract)
        framework.it(check.title, () => check.run({ ...subject, machine, seed: test.seed ?? 1 }));
    });
  }
  framework.describe("contract of every guest profile: a domain that it does not know", () => {
    for (const [title, open] of Object.entries({ ...deserts, ...test.foreign })) {
      framework.it(`leaves one alone ${title}`, async () => {
        using domain = open();
        await leavesAlone(subject, domain);
      });
    }
  });
}

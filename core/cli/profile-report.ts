import type { Finding, GuestDescription } from "../guest-profile.js";
import type { DomainKind } from "../hypervisor.js";

/** What guest profiles found: what `profile show --json` prints. docs/profile.schema.json is its JSON Schema. */
export interface ProfileReport {
  readonly schema: 1;
  readonly domains: readonly DomainProfile[];
}

export interface DomainProfile {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
  readonly kind: DomainKind;
  readonly managed: boolean;
  /** Why it is not managed. */
  readonly reason?: string;
  /** The profile that manages it, and everything below: absent where none does. */
  readonly profile?: string;
  readonly os?: string;
  readonly version?: string;
  readonly buildId?: string;
  readonly boot?: string;
  readonly evidence?: readonly string[];
  readonly capabilities?: GuestDescription["capabilities"];
  /** Absent where the profile tells no more. */
  readonly paging?: string;
  readonly symbols?: readonly Finding[];
  readonly members?: readonly Finding[];
}

import type { Log } from "../log.js";
import type { DomainRegistry } from "./domain-registry.js";
import { findDomain } from "./explain/find.js";

/** What `vmmsched trust --json` prints. */
export interface TrustReport {
  readonly schema: 1;
  readonly domain: string;
  readonly id: number;
  /** What its guest had complained of; absent where there was nothing to forgive. */
  readonly complaint?: string;
}

/**
 * Between two ticks: a domain (a name, id or uuid) is managed again in spite of what its guest complained of, until it complains
 * again. Throws ERR_DOMAIN_UNKNOWN or ERR_DOMAIN_AMBIGUOUS.
 */
export function trust(registry: DomainRegistry, wanted: string, log: Log): TrustReport {
  const domain = findDomain(registry.domains, wanted);
  const { name, id } = domain.info;
  const complaint = domain.trust();
  const report = { schema: 1, domain: name, id } as const;
  if (complaint === undefined) return report;
  log.info({ event: "guest-trusted", domain: name, id, complaint }, `${name} is trusted again, by hand`);
  return { ...report, complaint };
}

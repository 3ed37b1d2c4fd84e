import { VmmschedError } from "../errors.js";
import { escapeControls } from "../escape.js";

/** How a domain can be named on a command line. */
interface NamedDomain {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
}

/** Those of `domains` that are wanted by name, number or uuid; all when none is named. Throws ERR_DOMAIN_GONE. */
export function wantedDomains<Domain extends NamedDomain>(
  wanted: readonly string[],
  domains: readonly Domain[],
): readonly Domain[] {
  if (wanted.length === 0) return domains;
  const names = (domain: Domain) => [domain.name, String(domain.id), domain.uuid];
  const missing = wanted.filter((name) => !domains.some((domain) => names(domain).includes(name)));
  if (missing.length > 0) {
    const known = domains.map((domain) => domain.name).join(", ");
    throw new VmmschedError(
      "ERR_DOMAIN_GONE",
      escapeControls(`there is no domain ${missing.join(", ")}; domains now: ${known || "none"}`),
    );
  }
  return domains.filter((domain) => names(domain).some((name) => wanted.includes(name)));
}

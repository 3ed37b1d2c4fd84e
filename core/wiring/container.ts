// First: the decorators of what follows use it while they are loaded.
import "reflect-metadata/lite";
import { container as root, type DependencyContainer } from "tsyringe";
import { Clock } from "../clock.js";
import { CycleJournal } from "../cycle/cycle-journal.js";
import { CycleOptions } from "../cycle/cycle-options.js";
import { Cycle } from "../cycle/cycle.js";
import { DomainRegistry, GuestProfiles } from "../cycle/domain-registry.js";
import { EditLog } from "../cycle/edit-log.js";
import { Hypervisor } from "../hypervisor.js";
import type { JournalFile } from "../journal/journal-file.js";
import { Log } from "../log.js";
import { Policies } from "../policies/policies.js";
import { type HostColumns, SharedHost } from "../snapshot/host-columns.js";

/** What a container is made of; everything else it makes itself. */
export interface Parts {
  readonly hypervisor: Hypervisor;
  readonly clock: Clock;
  readonly log: Log;
  readonly options: CycleOptions;
  readonly profiles: GuestProfiles;
  readonly shared: HostColumns;
  readonly policies: Policies;
  /** Where what is held and changed is kept; without it nothing is. */
  readonly journal?: JournalFile;
}

/** One container a scheduler or observer. Plugins come in as values and are never in it. */
export function compose(parts: Parts): DependencyContainer {
  const container = root.createChildContainer();
  container.registerInstance<Hypervisor>(Hypervisor, parts.hypervisor);
  container.registerInstance<Clock>(Clock, parts.clock);
  container.registerInstance<Log>(Log, parts.log);
  container.registerInstance<CycleOptions>(CycleOptions, parts.options);
  container.registerInstance<GuestProfiles>(GuestProfiles, parts.profiles);
  container.registerInstance<HostColumns>(SharedHost, parts.shared);
  container.registerInstance<Policies>(Policies, parts.policies);
  container.registerInstance(CycleJournal, new CycleJournal(parts.journal, parts.shared.tasks, parts.log));
  for (const single of [DomainRegistry, EditLog, Cycle]) container.registerSingleton<object>(single);
  return container;
}

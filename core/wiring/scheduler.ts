// First: the decorators of what follows use it while they are loaded.
import "reflect-metadata/lite";
import type { Scheduler } from "../cli/composition.js";
import { hostClock } from "../clock.js";
import type { ControlLink } from "../control/control-link.js";
import { threadFigures } from "../control/memory-figures.js";
import { ProfileShelf } from "../control/profile-shelf.js";
import { StrayErrors } from "../control/stray-errors.js";
import { cycleOptions, policyDeadlineMs } from "../cycle/cycle-options.js";
import { Cycle } from "../cycle/cycle.js";
import { DomainRegistry } from "../cycle/domain-registry.js";
import { explain, type ExplainSources } from "../cycle/explain/explain.js";
import { SchedulerLoop } from "../cycle/scheduler-loop.js";
import { schedulerStatus, type SchedulerStatus } from "../cycle/scheduler-status.js";
import { TickCapture } from "../cycle/tick-capture.js";
import { trust } from "../cycle/trust.js";
import { openJournal } from "../journal/open-journal.js";
import { createLog } from "../json-log.js";
import { WorkerPolicies } from "../policies/worker-policies.js";
import { serviceManager } from "../service/service-manager.js";
import { HostColumns } from "../snapshot/host-columns.js";
import { compose } from "./container.js";
import { loadDriver } from "./drivers.js";
import { guarded } from "./guardian.js";

/** The scheduler of `run`, not started yet, over a control thread that is being loaded. */
export async function openScheduler(
  control: ControlLink,
  dryRun: boolean,
  configFile: string,
): Promise<Scheduler> {
  const config = await control.configure();
  const log = createLog(config.log.level);
  const shared = HostColumns.allocate(config.maxTasks);
  const options = { ...cycleOptions(config), dryRun };
  const policies = new WorkerPolicies(shared, policyDeadlineMs(config));
  const profiles = new ProfileShelf();
  const strays = new StrayErrors((stack) => profiles.nameIn(stack), log);
  let dismissGuardian = (): void => undefined;
  let registry: DomainRegistry | undefined;
  let scheduler: (() => SchedulerStatus) | undefined;
  let running: SchedulerLoop | undefined;
  let explained: ExplainSources | undefined;
  const capture = new TickCapture(
    shared,
    policies,
    (captured) => control.frame(captured),
    (why) => control.framesLost(why),
  );
  try {
    const opened = control.open(shared.buffers, {
      usePolicies: (active) => {
        policies.use(active);
        running?.hurry();
      },
      useProfiles: (wanted) => profiles.use(wanted),
      managedDomains: () => registry?.namesByProfile() ?? {},
      status: () => scheduler && { status: scheduler(), figures: threadFigures() },
      explain: (domain, pid) => explained && explain(explained, domain, pid),
      trust: (domain) => explained && trust(explained.registry, domain, log),
      capture: (on) => (capture.on = on),
      log: (level, fields, message) => log[level](fields, message),
    });
    const [openHypervisor] = await Promise.all([loadDriver(config.driver, config), opened]);
    // Once its control socket is ours, nobody else writes to the directory.
    const journal = dryRun ? undefined : openJournal({ directory: config.runtimeDirectory, log });
    const kept = journal === undefined ? {} : { journal };
    const watched = dryRun ? undefined : await guarded(openHypervisor, config, log, configFile);
    if (watched !== undefined) dismissGuardian = watched.close;
    const hypervisor = watched?.hypervisor ?? openHypervisor();
    const parts = { hypervisor, clock: hostClock, log, options, shared, policies, ...kept };
    const container = compose({ ...parts, profiles: profiles.profiles });
    registry = container.resolve(DomainRegistry);
    const loop = (running = container.resolve(SchedulerLoop));
    profiles.changed = (present) => {
      registry?.setProfiles(present);
      loop.hurry();
    };
    const cycle = container.resolve(Cycle);
    const service = await serviceManager(process.env, process.pid, log);
    loop.ticked = (nowNs) =>
      service.ticked(
        nowNs,
        () => `${String(loop.counts.ticks)} ticks, ${String(cycle.heldTasks())} threads held`,
      );
    cycle.ticked = (wishes) => capture.take(wishes);
    const seen = [loop, cycle, registry] as const;
    scheduler = () => schedulerStatus(...seen);
    explained = { cycle, registry, policies, dryRun, nowNs: () => hostClock.nowNs() };
    for (const fatal of [control.lost, strays.failed])
      fatal.catch((error: unknown) => {
        loop.fail(error);
      });
    return {
      async start() {
        await loop.start();
        service.ready();
      },
      stop(mode) {
        service.stopping();
        return loop.stop(mode);
      },
      ended: loop.ended
        .finally(() => service[Symbol.dispose]())
        .finally(() => journal?.close())
        .finally(() => {
          dismissGuardian();
        })
        .finally(() => control.close())
        .finally(() => {
          strays[Symbol.dispose]();
        }),
    };
  } catch (error) {
    dismissGuardian();
    strays[Symbol.dispose]();
    throw error;
  }
}

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Questioner } from "../../../core/policies/answer.js";
import type { Policies, Wishes } from "../../../core/policies/policies.js";
import { shareMembers } from "../../../core/share.js";
import { noNice } from "../../../core/nice.js";
import type { WishColumns } from "../../../core/policies/wish-columns.js";
import { readManifest } from "../../../core/plugins/manifest.js";
import type { Policy } from "../../../core/policy.js";
import { captureTick } from "../../../core/record/frame.js";
import { captureState, type PolicyState } from "../../../core/record/policy-state.js";
import { privateWishes } from "../../../core/record/record-reader.js";
import { RecordWriter } from "../../../core/record/record-writer.js";
import type { LoadedPolicy } from "../../../core/record/replay.js";
import type { HostColumns } from "../../../core/snapshot/host-columns.js";
import type { DomainSpec } from "../../../native/simulated/index.js";
import idleOnly from "../../../plugins/idle-only/index.js";
import { defaults } from "../../plugins/idle-only/sketches.js";
import { inRepository } from "../../repository.js";
import { ScheduledHost } from "../cycle/scheduled-host.js";

export const capacity = 2048;

export const recordStart = {
  vmmsched: "1.2.3",
  startedAt: "2026-01-02T03:04:05.000Z",
  intervalNs: 50e6,
  driver: "simulated",
  capacity,
};

/** A folder for the files of one test. */
export class TestFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "vmmsched-record-"));

  file(name: string, content?: Uint8Array | string): string {
    const path = join(this.path, name);
    if (content !== undefined) writeFileSync(path, content);
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

/** One policy, asked in this thread as a policy's own thread would ask it, with a recording that can begin at any tick. */
export class RecordedPolicy implements Policies {
  writer: RecordWriter | undefined;
  /** What was wished in each recorded tick, as {@link texts} has it. */
  readonly wished: string[][] = [];
  readonly #wishes = privateWishes(capacity);
  readonly #questioner: Questioner;
  #incarnation = 1;
  #state: unknown;
  #late: { readonly version: string; ticks: number } | undefined;

  constructor(
    private readonly columns: HostColumns,
    private readonly name: string,
    private policy: Policy,
    private options: unknown,
  ) {
    this.#questioner = new Questioner(columns);
    this.#state = policy.init?.(options);
  }

  decide(wishes: Wishes): void {
    wishes.clear(this.columns.taskCount);
    this.#questioner.ask(this.policy, this.options, this.#state, this.#wishes);
    wishes.add(this.name, this.#wishes, this.columns.taskCount, this.columns.domainCount);
    const { name: policy } = this;
    const answer = { policy, incarnation: this.#incarnation, wishes: this.#wishes };
    if (this.writer === undefined) return;
    this.writer.frame(captureTick(this.columns, [answer], wishes));
    if (this.#late !== undefined && --this.#late.ticks === 0) {
      this.#tellStart(this.#late.version, captureState(this.#state), this.columns.generation);
      this.#late = undefined;
    }
    this.wished.push(texts(this.#wishes, this.columns.taskCount, this.columns.domainCount));
  }

  /** Begins a recording with the next tick. */
  record(): RecordWriter {
    this.writer = new RecordWriter(recordStart, Number.POSITIVE_INFINITY);
    this.#tellStart("1.0.0", captureState(this.#state));
    return this.writer;
  }

  /** A new version goes on with the state of the old one. `unknownTicks`: only its state after these is told. */
  reload(version: string, policy: Policy, options: unknown, unknownTicks = 0): void {
    this.#incarnation++;
    const previous = captureState(this.#state, "previous");
    [this.policy, this.options] = [policy, options];
    this.#state = policy.init?.(options, structuredClone(this.#state));
    if (unknownTicks === 0) this.#tellStart(version, previous);
    else this.#late = { version, ticks: unknownTicks };
  }

  #tellStart(version: string, state: PolicyState, afterGeneration?: number): void {
    const { name: policy, options } = this;
    const after = afterGeneration === undefined ? {} : { afterGeneration };
    this.writer?.policyStarted({ policy, incarnation: this.#incarnation, version, options, state, ...after });
  }
}

/** What is wished, as `row:reason` and `row nice 10:reason`, and of domains `domain row weight 512:reason` and so on. */
export function texts(wishes: WishColumns, rows: number, domains: number): string[] {
  const found: string[] = [];
  for (let row = 0; row < domains; row++) {
    const text = (number: number) => (number < 0 ? "" : wishes.reason(number));
    const share = wishes.share(row);
    for (const member of shareMembers) {
      if (share[member] === undefined) continue;
      found.push(`domain ${row} ${member} ${share[member]}:${text(wishes.shareReason(row, member))}`);
    }
  }
  for (let row = 0; row < rows; row++) {
    const text = (number: number) => (number < 0 ? "" : wishes.reason(number));
    const nice = wishes.nice(row);
    if (wishes.isHoldWished(row)) found.push(`${String(row)}:${text(wishes.holdReason(row))}`);
    if (nice !== noNice) found.push(`${String(row)} nice ${String(nice)}:${text(wishes.niceReason(row))}`);
  }
  return found;
}

/** All bytes of a record that has ended. */
export function bytesOf(writer: RecordWriter): Buffer {
  writer.end("the test is over");
  return writer.stream.read() as Buffer;
}

export function loaded(policy: Policy, version = "1.0.0", name = "test"): LoadedPolicy {
  return { manifest: { name, version }, policy, checkOptions: () => [] };
}

export const idleOnlyOptions = {
  background: [{ domain: "batch*", process: "burn*" }],
  ...defaults,
};

export function loadedIdleOnly(): LoadedPolicy {
  const { checkOptions } = readManifest(inRepository("plugins/idle-only/plugin.json"));
  return { ...loaded(idleOnly, "1.0.0", "idle-only"), checkOptions };
}

const batch: DomainSpec = {
  name: "batch",
  kind: "pv",
  processes: [
    { comm: "burn-1", workload: { kind: "burn" } },
    { comm: "burn-2", workload: { kind: "threads", count: 3, each: { kind: "burn" } } },
    { comm: "forker", workload: { kind: "forker", perSecond: 10, childMs: 40 } },
  ],
};
const web: DomainSpec = {
  name: "web",
  kind: "pvh",
  vcpuCount: 2,
  processes: [
    { comm: "service", workload: { kind: "alternate", busyMs: 400, idleMs: 600 } },
    { comm: "cron\u001b[31m", workload: { kind: "sleepy", periodMs: 250 } },
  ],
};
const guests = [batch, web];

/** A host whose tasks and domains come and go, and a policy on it. */
export class RecordedHost {
  readonly scheduled: ScheduledHost;
  readonly policy: RecordedPolicy;
  #tick = 0;

  constructor(name: string, policy: Policy, options: unknown, domains: readonly DomainSpec[] = guests) {
    let asked: RecordedPolicy | undefined;
    this.scheduled = new ScheduledHost({
      domains,
      policies: (columns) => (asked = new RecordedPolicy(columns, name, policy, options)),
    });
    this.policy = asked!;
  }

  async run(ticks: number): Promise<void> {
    for (let i = 0; i < ticks; i++) {
      this.#comeAndGo(this.#tick++);
      await this.scheduled.run(1);
    }
  }

  #comeAndGo(tick: number): void {
    const { host } = this.scheduled;
    if (tick % 100 === 30) host.createDomain({ ...batch, name: "batch-2" });
    if (tick % 100 === 70) host.destroyDomain(host.idOf("batch-2"));
    if (tick % 100 === 50) host.guest("web").spawn({ comm: "make", workload: { kind: "burn" } });
    if (tick % 100 === 60)
      for (const { pid, comm } of host.guest("web").processes())
        if (comm === "make") host.guest("web").kill(pid);
    if (tick % 200 === 150) host.crashDomain(host.idOf("web"));
    if (tick % 200 === 155) {
      host.destroyDomain(host.idOf("web"));
      host.createDomain(web);
    }
  }
}

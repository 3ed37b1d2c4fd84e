import type { ConfiguredProfile } from "../../../core/plugins/configure.js";
import { hostDisk, type JournalDisk } from "../../../core/journal/journal-disk.js";
import { SimulatedHypervisor } from "../../../native/simulated/index.js";

/** A life that ends at a step that was chosen beforehand: from then on nothing has any effect on the world any more. */
export class Life {
  dead = false;
  steps = 0;

  constructor(private readonly lastStep = Number.POSITIVE_INFINITY) {}

  /** Something is about to have an effect, or has just had it. */
  step(): void {
    if (!this.dead && this.steps++ === this.lastStep) this.dead = true;
    if (this.dead) throw new Death();
  }
}

class Death extends Error {}

/** A disk whose writer may die before a write, in its midst and after it. */
export function mortalDisk(life: Life): JournalDisk {
  const before =
    <Args extends readonly unknown[], Result>(act: (...args: Args) => Result) =>
    (...args: Args): Result => {
      life.step();
      const result = act(...args);
      life.step();
      return result;
    };
  return {
    ...hostDisk,
    create: before((path) => hostDisk.create(path)),
    rename: before((from, to) => hostDisk.rename(from, to)),
    remove: before((path) => hostDisk.remove(path)),
    write(fd, bytes) {
      life.step();
      const half = hostDisk.write(fd, bytes.subarray(0, Math.ceil(bytes.length / 2)));
      life.step();
      return half;
    },
  };
}

/** A driver whose user may die before each pause, each change of a share and each release of a pause, and after them. */
export class MortalHypervisor extends SimulatedHypervisor {
  constructor(
    host: ConstructorParameters<typeof SimulatedHypervisor>[0],
    private readonly life: Life,
  ) {
    super(host);
  }

  override open(id: number) {
    const domain = super.open(id);
    const { life } = this;
    const pause = domain.pause.bind(domain);
    domain.pause = () => {
      life.step();
      return pause();
    };
    const setShare = domain.setShare.bind(domain);
    domain.setShare = (share) => {
      life.step();
      setShare(share);
      life.step();
    };
    return domain;
  }
}

/** A profile whose user may die before each plan: between two edits of a pause, too. */
export function mortalProfile(profile: ConfiguredProfile, life: Life): ConfiguredProfile {
  return {
    ...profile,
    profile: {
      async attach(...given) {
        const kernel = await profile.profile.attach(...given);
        if (kernel === undefined) return undefined;
        const plan = kernel.plan.bind(kernel);
        kernel.plan = (...change) => {
          life.step();
          return plan(...change);
        };
        return kernel;
      },
    },
  };
}

import type { Files } from "./scaffold.js";

/** The files of a new guest profile: it recognises nothing, and has the places to fill in. */
export function guestProfileFiles(name: string, typescript: boolean): Files {
  const script = typescript ? "ts" : "js";
  return {
    "plugin.json": JSON.stringify(manifest(name, script)),
    [`index.${script}`]: typescript ? typedProfile : untypedProfile,
    "README.md": readme(name),
  };
}

function manifest(name: string, script: string): object {
  return {
    kind: "guest-profile",
    name,
    version: "0.1.0",
    api: "^0.1.0",
    description: "Recognises nothing yet",
    entry: `index.${script}`,
  };
}

const attachDoc = `  /**
   * Looks for its kind of kernel in a running domain. What is not surely that kernel is left alone: return undefined, and
   * another profile may know it. Throw ERR_GUEST_NOT_READY while the kernel starts, and it will be asked again.
   */
`;

const typedProfile = `import type {
  Domain,
  EditTransaction,
  GuestDescription,
  GuestKernel,
  GuestProfile,
  NotNow,
  SnapshotBuilder,
  TaskChange,
} from "vmmsched/plugin-api";

export default {
${attachDoc}  attach(domain) {
    const version = recognise(domain);
    return Promise.resolve(version === undefined ? undefined : new Kernel(version));
  },
} satisfies GuestProfile;

/** What the kernel calls its version, or undefined when there is none that this profile knows. */
function recognise(domain: Domain): string | undefined {
  for (const vcpu of domain.vcpus()) {
    // Look for something that only this kernel has: with AddressSpace of vmmsched/plugin-api, guest memory is read as
    // this vCPU sees it. Every page may be missing, and nothing that is read there can be trusted.
    if (vcpu.userMode) continue;
  }
  return undefined;
}

/** A kernel that was recognised, until its domain ends or reboots. */
class Kernel implements GuestKernel {
  readonly restarts = 0;
  readonly description: GuestDescription;

  constructor(version: string) {
    this.description = {
      os: "unknown",
      version,
      evidence: ["what was found, and where"],
      capabilities: {
        hold: { can: false, why: "not written yet" },
        release: { can: false, why: "not written yet" },
        priority: { can: false, why: "not written yet" },
      },
    };
  }

  /** Adds every task: \`const row = into.addTask()\`, then \`into.columns.id[row] = ...\` and so on for each column. */
  scan(into: SnapshotBuilder): void {
    into.restartDomain();
  }

  /** Stages the writes of one change with \`edit.expect(...)\` and \`edit.write(...)\`, or says why that cannot be now. */
  plan(change: TaskChange, edit: EditTransaction): "planned" | NotNow {
    void [change, edit];
    return "nothing to do";
  }

  [Symbol.dispose](): void {
    // Let go of whatever the kernel object holds.
  }
}
`;

const untypedProfile = `// @ts-check

/** @import { Domain, GuestDescription, GuestKernel, GuestProfile, NotNow, SnapshotBuilder } from "vmmsched/plugin-api" */

/** @type {GuestProfile} */
const profile = {
${attachDoc}  attach(domain) {
    const version = recognise(domain);
    return Promise.resolve(version === undefined ? undefined : new Kernel(version));
  },
};

export default profile;

/**
 * What the kernel calls its version, or undefined when there is none that this profile knows.
 * @param {Domain} domain
 * @returns {string | undefined}
 */
function recognise(domain) {
  for (const vcpu of domain.vcpus()) {
    // Look for something that only this kernel has: with AddressSpace of vmmsched/plugin-api, guest memory is read as
    // this vCPU sees it. Every page may be missing, and nothing that is read there can be trusted.
    if (vcpu.userMode) continue;
  }
  return undefined;
}

/**
 * A kernel that was recognised, until its domain ends or reboots.
 * @implements {GuestKernel}
 */
class Kernel {
  restarts = 0;

  /** @param {string} version */
  constructor(version) {
    /** @type {GuestDescription} */
    this.description = {
      os: "unknown",
      version,
      evidence: ["what was found, and where"],
      capabilities: {
        hold: { can: false, why: "not written yet" },
        release: { can: false, why: "not written yet" },
        priority: { can: false, why: "not written yet" },
      },
    };
  }

  /**
   * Adds every task: \`const row = into.addTask()\`, then \`into.columns.id[row] = ...\` and so on for each column.
   * @param {SnapshotBuilder} into
   */
  scan(into) {
    into.restartDomain();
  }

  /**
   * Stages the writes of one change with \`edit.expect(...)\` and \`edit.write(...)\`, or says why that cannot be now.
   * @returns {"planned" | NotNow}
   */
  plan() {
    return "nothing to do";
  }

  [Symbol.dispose]() {
    // Let go of whatever the kernel object holds.
  }
}
`;

function readme(name: string): string {
  return `# ${name}

## Overview

Recognises nothing yet. Say which kernels it knows, and how it finds their tasks.

## What it can do

| Kernel | Seen | Held and released |
| ------ | ---- | ----------------- |
| none   | no   | no                |

## Production ready?

No. Say what it does not do yet.
`;
}

import assert from "node:assert/strict";
import type { GuestKernel, GuestProfile } from "../../../core/guest-profile.js";
import type { Domain } from "../../../core/hypervisor.js";
import type { GuestVa } from "../../../core/memory/address.js";
import { AddressSpace } from "../../../core/memory/address-space.js";
import { foreignDomain } from "../../../core/testing/foreign-domain.js";
import { leavesAlone, machineContract } from "../../../core/testing/machine-contract.js";
import toy from "../../examples/guest-profiles/toy/index.js";
import { headerVa } from "../../examples/guest-profiles/toy/header.js";
import { toyMachine } from "../../examples/guest-profiles/toy/machine.js";
import { toyLayouts } from "../../examples/toy.js";

type Slip = (kernel: GuestKernel, domain: Domain, space: AddressSpace) => Partial<GuestKernel>;

/** The toy profile with a mistake in it. */
function mistaken(slip: Slip): GuestProfile {
  return {
    async attach(domain, _options, layouts) {
      const kernel = await toy.attach(domain, { protect: ["guarded"] }, layouts);
      const [vcpu] = domain.vcpus();
      if (kernel === undefined || vcpu === undefined) return undefined;
      const changed = slip(kernel, domain, new AddressSpace(domain.memory, vcpu.paging, vcpu.root));
      return {
        description: kernel.description,
        restarts: 0,
        scan: kernel.scan.bind(kernel),
        plan: kernel.plan.bind(kernel),
        ...(kernel.priorityOf && { priorityOf: kernel.priorityOf.bind(kernel) }),
        [Symbol.dispose]: () => undefined,
        ...changed,
      };
    },
  };
}

/** Offsets of the hold and the priority word in a record of version 2. */
const hold = 80;
const priority = 84;

const slips: readonly [what: string, check: string, slip: Slip, says: RegExp][] = [
  [
    "does not say how it knows",
    "recognises it, and says how and what it can do",
    (kernel) => ({ description: { ...kernel.description, evidence: [] } }),
    /how the kernel was identified/,
  ],
  [
    "forgets a task",
    "lists exactly its tasks, whenever it looks",
    (kernel) => ({
      scan(into) {
        kernel.scan(into);
        into.columns.name[0] = 0x41;
      },
    }),
    /Aystem/,
  ],
  [
    "mistakes a state",
    "lists exactly its tasks, whenever it looks",
    (kernel) => ({
      scan(into) {
        kernel.scan(into);
        into.columns.state.fill(3, 0, into.rows);
      },
    }),
    /state of/,
  ],
  [
    "calls every thread a leader",
    "lists exactly its tasks, whenever it looks",
    (kernel) => ({
      scan(into) {
        kernel.scan(into);
        for (let row = 0; row < into.rows; row++)
          into.columns.flags[row] = (into.columns.flags[row] ?? 0) | 4;
      },
    }),
    /leader flag/,
  ],
  [
    "pauses the domain to look",
    "never pauses it to look",
    (kernel, domain) => ({
      scan(into) {
        using paused = domain.pause();
        kernel.scan(into);
        assert.ok(paused);
      },
    }),
    /must not pause/,
  ],
  [
    "walks without a limit",
    "survives memory that is damaged",
    (kernel, _domain, space) => ({
      scan(into) {
        while (space.u32(headerVa, 0) !== 0x4f796f54);
        kernel.scan(into);
      },
    }),
    /reads without end/,
  ],
  [
    "trusts what it reads",
    "survives memory that is damaged",
    (kernel, _domain, space) => ({
      scan(into) {
        space.flush();
        new Array(space.u32(headerVa, 24) > 256 ? -1 : 1).fill(0);
        kernel.scan(into);
      },
    }),
    /no VmmschedError: .*Invalid array length/,
  ],
  [
    "holds in word only",
    "holds tasks and lets them go",
    (kernel, _domain, space) => {
      const held = new Set<GuestVa>();
      return {
        scan(into) {
          kernel.scan(into);
          for (let row = 0; row < into.rows; row++)
            into.columns.hold[row] = held.has(into.columns.address[row] as GuestVa) ? 2 : 0;
        },
        plan({ address }, edit) {
          if (held.has(address)) return "nothing to do";
          edit
            .begin(space)
            .expect32(address, 0, space.u32(address, 0))
            .write32(address, 0, space.u32(address, 0));
          held.add(address);
          return "planned";
        },
      };
    },
    /expected|runs although|nothing to do/i,
  ],
  [
    "writes what it has not looked at",
    "holds tasks and lets them go",
    (_kernel, _domain, space) => ({
      plan({ address }, edit) {
        edit.begin(space).write32(address, hold, 1);
        return "planned";
      },
    }),
    /expects nothing/,
  ],
  [
    "never lets go",
    "holds tasks and lets them go",
    (kernel, _domain, space) => ({
      plan(change, edit) {
        if (change.kind === "hold") return kernel.plan(change, edit);
        edit.begin(space).expect32(change.address, hold, 1).write32(change.address, hold, 1);
        return "planned";
      },
    }),
    /never were "none"/,
  ],
  [
    "holds while it plans",
    "plans that are not committed change nothing",
    (kernel, domain, space) => ({
      plan(change, edit) {
        const planned = kernel.plan(change, edit);
        if (planned === "planned" && change.kind === "hold") {
          using paused = domain.pause();
          edit.commit(paused);
          edit.begin(space);
        }
        return planned;
      },
    }),
    /must not pause/,
  ],
  [
    "sets another priority than it is told to",
    "sets exactly the priorities that it is told to",
    (kernel) => ({
      plan: (change, edit) =>
        kernel.plan(change.kind === "priority" ? { ...change, priority: change.priority | 1 } : change, edit),
    }),
    /has priority 0 already|priority of .* in a scan/,
  ],
  [
    "changes the priority of the kernel's own tasks",
    "sets exactly the priorities that it is told to",
    (kernel, _domain, space) => ({
      plan(change, edit) {
        if (change.kind !== "priority") return kernel.plan(change, edit);
        const found = space.i32(change.address, priority);
        if (found === change.priority) return "nothing to do";
        edit.begin(space).expect32(change.address, priority, found);
        edit.write32(change.address, priority, change.priority);
        return "planned";
      },
    }),
    /priority of a task/,
  ],
  [
    "asks for no id",
    "refuses tasks that are not there, and those that are never held",
    (kernel, _domain, space) => ({
      plan: (change, edit) => kernel.plan({ ...change, id: space.i32(change.address, 8) }, edit),
    }),
    /with another id/,
  ],
  [
    "throws what is no error of ours",
    "refuses tasks that are not there, and those that are never held",
    (kernel) => ({
      plan(change, edit) {
        if (change.address === 0) throw new TypeError("null pointer");
        return kernel.plan(change, edit);
      },
    }),
    /null pointer/,
  ],
  [
    "keeps what it holds to itself",
    "sees what an earlier version of it held",
    (kernel) => {
      let planned = false;
      return {
        scan(into) {
          kernel.scan(into);
          if (!planned) into.columns.hold.fill(0);
        },
        plan(change, edit) {
          planned = true;
          return kernel.plan(change, edit);
        },
      };
    },
    /does not see that \d+ tasks are held/,
  ],
];

describe("testGuestProfile", () => {
  for (const [what, title, slip, says] of slips) {
    it(`finds a profile that ${what}`, async () => {
      const check = machineContract.find((one) => one.title === title);
      assert.ok(check !== undefined);
      const trial = {
        profile: mistaken(slip),
        options: {},
        layouts: toyLayouts(),
        machine: () => toyMachine({ kind: "pvh" }),
        seed: 1,
      };
      await assert.rejects(check.run(trial), (error) => error instanceof Error && says.test(error.message));
    });
  }

  const strangers: readonly [what: string, attach: GuestProfile["attach"], says: RegExp][] = [
    [
      "recognises what it does not know",
      () =>
        Promise.resolve({ description: { os: "toy", version: "1" }, [Symbol.dispose]() {} } as GuestKernel),
      /recognised toy 1 where there is none/,
    ],
    [
      "fails where there is nothing",
      () => Promise.reject(new RangeError("a slip")),
      /no VmmschedError: a slip/,
    ],
  ];
  for (const [what, attach, says] of strangers) {
    it(`finds a profile that ${what}`, async () => {
      const trial = { profile: { attach }, options: {}, layouts: new Map<string, unknown>() };
      await assert.rejects(
        leavesAlone(
          trial,
          foreignDomain(() => 0),
        ),
        says,
      );
    });
  }

  it("runs every check of the contract, and the machines and options that it is given are used", () => {
    assert.deepEqual(
      [...new Set(slips.map(([, check]) => check))].sort(),
      machineContract.map(({ title }) => title).sort(),
      "each check is seen to fail",
    );
  });
});

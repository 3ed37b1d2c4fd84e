import assert from "node:assert/strict";
import { isVmmschedError } from "../../../core/errors.js";
import { Btf } from "../../../guest-profiles/linux/btf.js";
import { lacking, resolveLayout } from "../../../guest-profiles/linux/layout.js";
import {
  debian61,
  type KernelLayout,
  type LayoutMember,
  type LayoutType,
} from "../../../native/simulated/layouts/debian-6.1.js";
import { offsetOf } from "../../../native/simulated/linux/layout.js";
import { btfImage } from "../../../native/simulated/linux/btf-image.js";

type Change = (members: readonly LayoutMember[]) => readonly LayoutMember[];

/** The kernel of the simulated guests, with other members in some structures. */
function withChanged(
  changes: Readonly<Record<string, Change>>,
  more: Readonly<Record<string, LayoutType>> = {},
): KernelLayout {
  const changed = Object.entries(changes).map(([type, change]) => {
    const [size, members] = debian61.types[type] ?? [0, []];
    return [type, [size, change(members)]] as const;
  });
  return { ...debian61, types: { ...debian61.types, ...more, ...Object.fromEntries(changed) } };
}

const renamed =
  (from: string, to: string, type?: string): Change =>
  (members) =>
    members.map(([name, at, ofType, bits]) =>
      name === from
        ? [to, at, type ?? ofType]
        : bits === undefined
          ? [name, at, ofType]
          : [name, at, ofType, bits],
    );
const without =
  (...names: string[]): Change =>
  (members) =>
    members.filter(([name]) => !names.includes(name));

const probe = (layout: KernelLayout) => resolveLayout(new Btf(btfImage(layout)));

describe("the layout of a kernel", () => {
  it("is read from its own types", () => {
    const { layout, members } = probe(debian61);
    assert.equal(layout.task.pid, offsetOf("task_struct", "pid"));
    assert.equal(layout.siglockOwner, undefined);
    assert.equal(lacking(members, ["reading", "holding", "irqWork", "callSingle"]), undefined);
  });

  it("takes members under their older names: state and cpu of 5.10", () => {
    const { layout, members } = probe(
      withChanged({
        "struct task_struct": (all) => [
          ...renamed("__state", "state", "long unsigned int")(all),
          ["cpu", 640, "unsigned int"],
        ],
        "struct thread_info": without("cpu"),
      }),
    );
    assert.equal(layout.task.state, 24);
    assert.equal(layout.task.cpu, 80);
    assert.deepEqual(
      members.filter(({ key }) => ["task.state", "task.cpu"].includes(key)).map(({ path }) => path),
      ["cpu", "state"],
    );
  });

  it("takes the flag where 6.8 has no bit-field any more", () => {
    const { layout } = probe(
      withChanged({ "struct tick_sched": () => [["flags", 64, "long unsigned int"]] }),
    );
    assert.deepEqual(layout.tickStopped, { word: 8, mask: 2 });
  });

  it("knows a sleeping siglock by its owner: PREEMPT_RT", () => {
    const { layout } = probe(
      withChanged(
        {
          "struct sighand_struct": (all) =>
            all.map(([name, at, type]) =>
              name === "siglock" ? [name, at, "struct rt_spinlock"] : [name, at, type],
            ),
        },
        {
          "struct rt_spinlock": [32, [["lock", 0, "struct rt_mutex_base"]]],
          "struct rt_mutex_base": [32, [["owner", 192, "* struct task_struct"]]],
        },
      ),
    );
    assert.equal(layout.siglockOwner, layout.sighand.siglock + 24);
  });

  it("lacks a member that is needed to hold, and says which", () => {
    const { layout, members } = probe(withChanged({ "struct task_struct": without("jobctl", "frozen") }));
    assert.equal(lacking(members, ["reading"]), undefined);
    assert.equal(
      lacking(members, ["holding", "callSingle"]),
      "the kernel has no task_struct.jobctl, task_struct.frozen",
    );
    assert.ok(Number.isNaN(layout.task.jobctl));
  });

  it("is refused without a member that is needed to look", () => {
    assert.throws(
      () => probe(withChanged({ "struct task_struct": without("tasks") })),
      (error) =>
        isVmmschedError(error, "ERR_LAYOUT_MEMBER_MISSING") && error.message.includes("has no member tasks"),
    );
  });

  it("tells the size of a per-CPU variable", () => {
    const sizeIn = (layout: KernelLayout) =>
      new Btf(btfImage(layout)).variableSize(".data..percpu", "x86_cpu_to_apicid");
    assert.equal(sizeIn(debian61), 2);
    const perCpu = {
      ...debian61.perCpu,
      x86_cpu_to_apicid: [debian61.perCpu.x86_cpu_to_apicid?.[0] ?? 0, "unsigned int"] as const,
    };
    assert.equal(sizeIn({ ...debian61, perCpu }), 4);
  });
});

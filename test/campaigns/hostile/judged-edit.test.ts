import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { AddressSpace } from "../../../core/memory/address-space.js";
import type { GuestVa } from "../../../core/memory/address.js";
import { LinuxMachine, SimulatedHost } from "../../../native/simulated/index.js";
import { GuardedDomain } from "./guarded-domain.js";
import { JudgedEdit } from "./judged-edit.js";

/** A domain, the address of a task in it, and an edit that has begun. */
function begun() {
  const host = new SimulatedHost({ domains: [{ name: "guest", kind: "pvh" }] });
  const domain = new GuardedDomain(host);
  const machine = host.domains[0]?.machine;
  const [vcpu] = domain.vcpus();
  assert.ok(machine instanceof LinuxMachine && vcpu !== undefined);
  const [process] = machine.processes();
  const va = (process?.address ?? 0) as GuestVa;
  const space = new AddressSpace(domain.memory, vcpu.paging, vcpu.root);
  return { domain, va, space, edit: new JudgedEdit().begin(space) };
}

function faultsOf(
  { domain, edit }: ReturnType<typeof begun>,
  harm: (word: number) => void = () => undefined,
) {
  using paused = domain.pause();
  const words = edit.locate(domain);
  const seen = new Map(words.map((word) => [word, domain.ramWords.get(word)]));
  harm(words.at(-1) ?? 0);
  return edit.judge(domain, paused, seen).faults.map((fault) => fault.replace(/0x[0-9a-f]+|\d+/g, "N"));
}

describe("the judge of edits", () => {
  it("finds no fault with what expects what it writes", () => {
    const trial = begun();
    trial.edit.expect32(trial.va, 0, trial.space.u32(trial.va, 0)).write32(trial.va, 0, 1);
    assert.deepEqual(faultsOf(trial), []);
  });

  it("finds writes to pages of which nothing is expected", () => {
    const trial = begun();
    trial.edit.write32(trial.va, 0, 1);
    assert.deepEqual(faultsOf(trial), ["word N lies in a page of which nothing is expected"]);
  });

  it("finds words that are overwritten although they are not what the plan saw", () => {
    const trial = begun();
    trial.edit.expect32(trial.va, 4, trial.space.u32(trial.va, 4)).write32(trial.va, 0, 1);
    const faults = faultsOf(trial, (word) => trial.domain.ramWords.set(word, 0xdead));
    assert.deepEqual(faults, ["word N was N to the plan, is N, and is overwritten"]);
  });
});

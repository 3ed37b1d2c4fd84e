import assert from "node:assert/strict";
import type { Policy } from "../../../core/policy.js";
import { policyContract } from "../../../core/testing/contract.js";
import {
  policyTable,
  randomHosts,
  testPolicy,
  wishedInTurn,
  type TestFramework,
} from "../../../core/testing.js";

/** Collects tests instead of running them. */
class Collected implements TestFramework {
  readonly tests: { readonly title: string; readonly body: () => void | Promise<void> }[] = [];

  describe(_: string, body: () => void): void {
    body();
  }

  it(title: string, body: () => void | Promise<void>): void {
    this.tests.push({ title, body });
  }

  /** Titles of the tests that fail. */
  async failing(): Promise<readonly string[]> {
    const results = await Promise.allSettled(this.tests.map(async ({ body }) => body()));
    return this.tests.filter((_, index) => results[index]?.status === "rejected").map(({ title }) => title);
  }
}

function collector(): { collected: Collected; framework: TestFramework } {
  const collected = new Collected();
  return {
    collected,
    framework: {
      describe: (title, body) => collected.describe(title, body),
      it: (title, body) => collected.it(title, body),
    },
  };
}

interface Options {
  readonly name: string;
}

/** Holds every process of this name at every second tick. */
const everySecond: Policy<Options, { ticks: number }> = {
  init: (_, previous) => ({ ticks: previous?.ticks ?? 0 }),
  *decide(host, options, state) {
    if (++state.ticks % 2 === 1) return;
    for (const domain of host.domains)
      for (const target of domain.processes) if (target.name === options.name) yield { kind: "hold", target };
  },
};
const host = { domains: [{ name: "a", processes: [{ name: "x" }, { name: "y" }] }] };

describe("testPolicy", () => {
  it("gives a test for every part of the contract to the runner that it is given", async () => {
    const { collected, framework } = collector();
    testPolicy(everySecond, { options: { name: "x" }, framework });
    assert.deepEqual(
      collected.tests.map(({ title }) => title),
      policyContract.map(({ title }) => title),
    );
    assert.deepEqual(await collected.failing(), []);
  });

  it("makes the tests of a bad policy fail", async () => {
    const { collected, framework } = collector();
    testPolicy({ decide: () => [Math.random() as never] }, { options: {}, framework });
    assert.equal((await collected.failing()).length, policyContract.length);
  });
});

describe("policyTable", () => {
  it("is one test a row: one host, or several in turn, with options of their own", async () => {
    const { collected, framework } = collector();
    policyTable(
      everySecond,
      { name: "x" },
      [
        ["one host", host, []],
        ["two ticks", [host, host], [[], ["a/x"]]],
        ["other options", [host, host], [[], ["a/y"]], { name: "y" }],
        ["wrong", [host, host], [[], ["a/y"]]],
        ["wrong in one", host, ["a/x"]],
      ],
      framework,
    );
    assert.deepEqual(
      collected.tests.map(({ title }) => title),
      ["one host", "two ticks", "other options", "wrong", "wrong in one"],
    );
    assert.deepEqual(await collected.failing(), ["wrong", "wrong in one"]);
  });

  it("shows priorities beside holds", () => {
    const nicer: Policy = {
      *decide(on) {
        for (const { processes } of on.domains)
          for (const target of processes) {
            yield { kind: "priority", target, nice: 10 };
            if (target.name === "y") yield { kind: "hold", target };
          }
      },
    };
    assert.deepEqual(wishedInTurn(nicer, {}, [host]), [["a/x nice 10", "a/y nice 10", "a/y"]]);
  });

  it("has its work done by wishedInTurn, for tests that need more", () => {
    assert.deepEqual(wishedInTurn(everySecond, { name: "x" }, [host, host, host]), [[], ["a/x"], []]);
  });
});

describe("randomHosts", () => {
  it("are the same for the same seed, and others for another", () => {
    assert.deepEqual(randomHosts(7, 50), randomHosts(7, 50));
    assert.notDeepEqual(randomHosts(7, 50), randomHosts(8, 50));
  });

  it("have domains and processes that come and go, under the names that are given", () => {
    const hosts = randomHosts(1, 200, ["mine"]);
    const counts = hosts.map(({ domains }) => domains.length);
    assert.ok(counts.some((count, tick) => count > (counts[tick - 1] ?? count)));
    assert.ok(counts.some((count, tick) => count < (counts[tick - 1] ?? count)));
    const all = hosts.flatMap(({ domains }) => domains);
    assert.ok(all.some(({ paused }) => paused) && all.some(({ managed }) => managed === false));
    assert.ok(
      all.some(({ name, processes }) => name === "mine" && processes?.some((each) => each.name === "mine")),
    );
    assert.equal(hosts[0]?.intervalMs, 0);
  });
});

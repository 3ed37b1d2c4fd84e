import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { Process, ProcessListing } from "./parse.js";
import { compareProcesses, listingsAround, type SeenProcess } from "./process-comparison.js";

const births = { shortLived: ["fork", "short-lived"], parents: ["kthreadd"] };

function process(
  pid: number,
  comm: string,
  more: readonly (readonly [number, string])[] = [],
  start = 5,
): Process {
  return {
    pid,
    start,
    comm,
    threads: [{ tid: pid, comm }, ...more.map(([tid, name]) => ({ tid, comm: name }))],
  };
}

function listing(processes: readonly Process[], began = 0, ended = 1): ProcessListing {
  return { sequence: 0, began, ended, started: 0, processes };
}

function seen(pid: number, name: string, more: readonly (readonly [number, string])[] = []): SeenProcess {
  return { pid, name, threads: [{ tid: pid, name }, ...more.map(([tid, other]) => ({ tid, name: other }))] };
}

const init = process(1, "init");
const crew = process(90, "crew", [
  [91, "crew-0"],
  [92, "crew-1"],
]);
const worker = process(14, "kworker/0:1-events");
const seenInit = seen(1, "init");
const seenCrew = seen(90, "crew", [
  [92, "crew-1"],
  [91, "crew-0"],
]);
const seenWorker = seen(14, "kworker/0:1");
const none = { once: 0, unmet: 0, transient: 0, changed: 0 };

describe("a look compared with a guest's listings around it", () => {
  it("takes what both listings have, with the task's own names and in any order of threads", () => {
    const later = listing([init, process(14, "kworker/0:1-mm_percpu_wq"), crew]);
    const result = compareProcesses(
      [seenCrew, seenInit, seenWorker],
      listing([init, worker, crew]),
      later,
      births,
    );
    assert.deepEqual(result, { compared: 3, races: none, mismatches: [] });
  });

  const mistakes: readonly (readonly [what: string, look: readonly SeenProcess[]])[] = [
    ["a process that was not met", [seenInit]],
    ["another name", [seenInit, { ...seenCrew, name: "clew" }]],
    ["a missing thread", [seenInit, seen(90, "crew", [[91, "crew-0"]])]],
    [
      "another thread's name",
      [
        seenInit,
        seen(90, "crew", [
          [91, "crew-0"],
          [92, "crew-9"],
        ]),
      ],
    ],
    [
      "a further thread",
      [seenInit, { ...seenCrew, threads: [...seenCrew.threads, { tid: 93, name: "crew-2" }] }],
    ],
    ["a process that never was", [seenInit, seenCrew, seen(95, "ghost")]],
    ["a short-lived child that is older than the listing", [seenInit, seenCrew, seen(50, "short-lived")]],
    ["the same process twice", [seenInit, seenCrew, seenCrew]],
  ];
  for (const [what, look] of mistakes)
    it(`finds ${what}`, () => {
      const same = listing([init, crew]);
      const { mismatches } = compareProcesses(look, same, same, births);
      assert.equal(mismatches.length, 1, mismatches.join("\n"));
    });

  it("finds a long-lived process under another name, met in one listing", () => {
    const look = [seenInit, seen(100, "ghost")];
    const { mismatches } = compareProcesses(
      look,
      listing([init]),
      listing([init, process(100, "nap")]),
      births,
    );
    assert.equal(mismatches.length, 1);
  });

  const born = process(100, "short-lived");
  const races: readonly (readonly [
    what: string,
    race: keyof typeof none,
    look: readonly SeenProcess[],
    before: readonly Process[],
    after: readonly Process[],
  ])[] = [
    ["born before the look", "once", [seen(100, "short-lived")], [], [born]],
    ["seen before its exec", "once", [seen(100, "fork")], [], [born]],
    ["gone after the look", "once", [seen(100, "short-lived")], [born], []],
    [
      "a kernel thread seen before it took its name",
      "once",
      [seen(80, "kthreadd")],
      [],
      [process(80, "kworker/0:3")],
    ],
    ["born after the look", "unmet", [], [], [born]],
    ["gone before the look", "unmet", [], [born], []],
    ["born and gone between the listings", "transient", [seen(101, "short-lived")], [], []],
    ["renamed", "changed", [seen(100, "fork")], [process(100, "fork")], [born]],
    ["with a thread that came", "changed", [seenCrew], [process(90, "crew", [[91, "crew-0"]])], [crew]],
  ];
  for (const [what, race, look, before, after] of races)
    it(`tells as a race: a process ${what}`, () => {
      const [first, second] = [listing([init, ...before]), listing([init, ...after])];
      const result = compareProcesses([seenInit, ...look], first, second, births);
      assert.deepEqual(result, { compared: 1, races: { ...none, [race]: 1 }, mismatches: [] });
    });

  it("does not take a pid that was used again for the same process", () => {
    const [first, second] = [listing([process(100, "nap", [], 5)]), listing([process(100, "nap", [], 9)])];
    assert.deepEqual(compareProcesses([], first, second, births), {
      compared: 0,
      races: { ...none, unmet: 1 },
      mismatches: [],
    });
  });
});

describe("listings around a look", () => {
  const all = [0, 10, 20, 30].map((began) => listing([], began, began + 5));

  it("are the nearest on both sides", () =>
    assert.deepEqual(listingsAround(all, { begin: 16, end: 18 }, 0.1), { before: all[1], after: all[2] }));
  it("are farther where the clocks could deceive", () =>
    assert.deepEqual(listingsAround(all, { begin: 16, end: 18 }, 3), { before: all[0], after: all[3] }));
  it("are not there before the first and after the last", () => {
    assert.equal(listingsAround(all, { begin: 3, end: 4 }, 0), undefined);
    assert.equal(listingsAround(all, { begin: 26, end: 31 }, 0), undefined);
  });
});

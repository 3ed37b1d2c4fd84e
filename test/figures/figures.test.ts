import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { after, before, describe, it } from "mocha";
import { TestFolder } from "../core/record/recorded-host.js";
import { inRepository, readInRepository } from "../repository.js";
import { draw } from "./draw.js";
import { experiments } from "./experiments.js";
import { figureOf, type Figure } from "./panels.js";
import { recordRun } from "./recorded-run.js";
import { readHistory } from "./share-history.js";
import { escaped } from "./svg.js";

const mostBytes = 60_000;

/** Names of the elements that are open at the end, or were closed out of turn. */
function unbalanced(svg: string): readonly string[] {
  const open: string[] = [];
  for (const [, close, name = "", single] of svg.matchAll(
    /<(\/?)([a-z]+)(?: [a-zA-Z:-]+="[^"<]*")*(\/?)>/g,
  )) {
    if (single === "/") continue;
    if (close !== "/") open.push(name);
    else if (open.pop() !== name) return [...open, name];
  }
  return open;
}

describe("figures of recordings", function () {
  this.timeout(240_000);
  const folder = new TestFolder();
  const name = "idle-only";
  const experiment = experiments[name];
  let figure: Figure;
  let svg: string;

  before(async () => {
    assert.ok(experiment);
    const file = folder.file("first.vmmrec");
    await recordRun({ ...experiment, seconds: 7 }, file);
    figure = figureOf(await readHistory(file));
    svg = draw(figure, experiment.title, "a <test> & more");
  });
  after(() => {
    folder[Symbol.dispose]();
  });

  const band = (domain: string, process: string) => {
    const found = figure.panels
      .find((panel) => panel.name === domain)
      ?.bands.find((each) => each.name === process);
    assert.ok(found, `${process} in ${domain}`);
    return found;
  };

  it("show each domain, and each process that used CPU time or was held", () => {
    const shown = figure.panels.map((panel) => [panel.name, ...panel.bands.map((each) => each.name)]);
    assert.deepEqual(shown, [
      ["batch", "backup"],
      ["web", "service"],
      ["desktop", "indexer.exe", "editor.exe", "all others"],
    ]);
  });

  it("have a process use nothing within the spans in which it is held, and more outside of them", () => {
    const { percents, holds } = band("batch", "backup");
    assert.ok(holds.length > 1);
    const slotNs = (slot: number) =>
      [figure.slotEndsNs[slot - 1] ?? 0, figure.slotEndsNs[slot] ?? 0] as const;
    const within = percents.filter((_, slot) => {
      const [from, to] = slotNs(slot);
      return holds.some((span) => from >= span[0] && to <= span[1]);
    });
    assert.ok(within.length > 20);
    assert.ok(Math.max(...within) < 1, `${Math.max(...within)} % while held`);
    assert.ok(Math.max(...percents) > 90);
  });

  it("show no more than the CPUs of a domain", () => {
    for (const { bands, mostPercent } of figure.panels)
      for (const slot of figure.slotEndsNs.keys()) {
        const sum = bands.reduce((all, { percents }) => all + (percents[slot] ?? 0), 0);
        assert.ok(sum <= mostPercent + 1e-6, `${sum} %`);
      }
  });

  it("are whole XML, with texts as text, colours for light and dark, and not too long", () => {
    assert.deepEqual(unbalanced(svg), []);
    for (const text of [
      ">batch</text>",
      ">service</text>",
      "a &lt;test&gt; &amp; more</text>",
      "<title>",
      "<desc>",
    ])
      assert.ok(svg.includes(text), text);
    assert.ok(svg.includes("prefers-color-scheme: dark"));
    assert.ok(Buffer.byteLength(svg) < mostBytes);
  });

  it("of the same experiment are the same, byte for byte", async () => {
    assert.ok(experiment);
    const file = folder.file("second.vmmrec");
    await recordRun({ ...experiment, seconds: 7 }, file);
    assert.equal(draw(figureOf(await readHistory(file)), experiment.title, "a <test> & more"), svg);
  });

  it("take names from guests that are no XML", () => {
    assert.equal(escaped('a"<b>&\u0001\ud800'), "a&quot;&lt;b&gt;&amp;\ufffd\ufffd");
  });
});

describe("figures in docs/figures", () => {
  const files = readdirSync(inRepository("docs/figures"));

  it("are those of all experiments", () => {
    const expected = Object.keys(experiments).map((name) => `${name}.svg`);
    assert.deepEqual(
      expected.filter((file) => !files.includes(file)),
      [],
    );
  });

  for (const file of files)
    it(`${file} is whole, short, and shown in a document`, () => {
      const svg = readInRepository(`docs/figures/${file}`);
      assert.deepEqual(unbalanced(svg), []);
      assert.ok(Buffer.byteLength(svg) < mostBytes);
      const shown = ["docs/policies.md", "docs/experiments.md"].some((document) =>
        readInRepository(document).includes(`figures/${file}`),
      );
      assert.ok(shown);
    });
});

import { element, escaped, type Attributes } from "./svg.js";
import type { Band, Figure, Panel } from "./panels.js";

const width = 880;
const left = 52;
const plotWidth = 540;
const legendAt = left + plotWidth + 16;
const top = 78;
const plotHeight = 96;
const lane = 7;
const gap = 38;
const line = 15;
const bottom = 40;

/** Dark enough for white paper, light enough for a dark page; told apart by those who do not see red and green, too. */
const colours = ["#3b82c4", "#d97a2b", "#2f9e77", "#c0569b", "#a38a1f", "#7a6fd0"];
const style = `
svg { font: 12px system-ui, sans-serif; }
text { fill: #24292f; }
.faint { fill: #57606a; }
.axis { stroke: #8c959f; fill: none; }
.grid { stroke: #8c959f; stroke-opacity: .3; fill: none; }
.limit { stroke: #cf222e; stroke-dasharray: 5 3; fill: none; }
.others { fill: #8c959f; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .faint { fill: #9da7b1; }
  .limit { stroke: #ff7b72; }
}`;

/** The figure as an SVG: CPU use of the processes of each domain over time, and below it when they were held. */
export function draw(figure: Figure, title: string, caption: string): string {
  let y = top;
  const panels = figure.panels.map((panel) => {
    const drawn = drawPanel(figure, panel, y);
    y += drawn.height + gap;
    return drawn.svg;
  });
  const height = y - gap + bottom;
  const body = [
    element("title", {}, escaped(title)),
    element("desc", {}, escaped(description(figure, caption))),
    element("style", {}, style),
    text(left, 20, title, { "font-size": 15, "font-weight": 600 }),
    text(left, 38, caption, { class: "faint" }),
    ...panels,
    text(left, height - 10, "Areas: percent of one CPU, stacked. Bars below: held.", { class: "faint" }),
  ];
  const size = { viewBox: `0 0 ${width} ${height}`, width, height };
  return `${element("svg", { xmlns: "http://www.w3.org/2000/svg", role: "img", ...size }, `\n${body.join("\n")}\n`)}\n`;
}

/** For those who hear the figure. */
function description({ panels }: Figure, caption: string): string {
  const lines = panels.flatMap(({ name, bands }) => bands.map((band) => `${name}: ${summary(band)}`));
  return `${caption}. ${lines.join("; ")}.`;
}

function drawPanel(
  figure: Figure,
  panel: Panel,
  y: number,
): { readonly svg: string; readonly height: number } {
  const { bands, mostPercent, name, limits } = panel;
  const base = y + plotHeight;
  const yOf = (percent: number) => base - (plotHeight * Math.min(percent, mostPercent)) / mostPercent;
  const parts = [text(left, y - 6, name, { "font-weight": 600 })];
  for (let percent = 0; percent <= mostPercent; percent += 100) {
    parts.push(
      path(`M${left} ${round(yOf(percent))}h${plotWidth}`, { class: percent === 0 ? "axis" : "grid" }),
    );
    parts.push(text(left - 6, yOf(percent) + 4, `${percent} %`, { class: "faint", "text-anchor": "end" }));
  }
  let below = figure.slotEndsNs.map(() => 0);
  let lanes = 0;
  for (const [index, band] of bands.entries()) {
    const above = below.map((percent, slot) => percent + (band.percents[slot] ?? 0));
    parts.push(path(area(figure, below, above, yOf), fillOf(band, index)));
    below = above;
    if (band.holds.length > 0) {
      const at = base + 5 + lanes++ * lane;
      const bars = band.holds.map(
        ([from, to]) => `M${xOf(figure, from)} ${at}H${xOf(figure, to)}v5H${xOf(figure, from)}z`,
      );
      parts.push(path(bars.join(""), fillOf(band, index)));
    }
  }
  for (const { percent, text: label } of limits) {
    parts.push(path(`M${left} ${round(yOf(percent))}h${plotWidth}`, { class: "limit" }));
    parts.push(text(left + 4, yOf(percent) - 3, label, { "font-size": 10 }));
  }
  const axis = base + 5 + lanes * lane;
  parts.push(...timeAxis(figure, axis), ...legend(bands, y));
  const height = Math.max(axis - y + 16, bands.length * 2 * line);
  return { svg: element("g", {}, `\n${parts.join("\n")}\n`), height };
}

/** In steps: a slot's mean lasts as long as the slot. */
function area(
  figure: Figure,
  below: readonly number[],
  above: readonly number[],
  yOf: (percent: number) => number,
): string {
  const edge = (values: readonly number[]) =>
    figure.slotEndsNs.map((endNs, slot) => ({
      from: xOf(figure, figure.slotEndsNs[slot - 1] ?? 0),
      to: xOf(figure, endNs),
      y: round(yOf(values[slot] ?? 0)),
    }));
  const forth = edge(above).map(({ to, y }, slot) => (slot === 0 ? `M${left} ${y}H${to}` : `V${y}H${to}`));
  const back = edge(below)
    .toReversed()
    .map(({ from, y }) => `V${y}H${from}`);
  return `${[...forth, ...back].join("")}z`;
}

function timeAxis(figure: Figure, y: number): string[] {
  const seconds = figure.lengthNs / 1e9;
  const step = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600].find((each) => seconds / each <= 12) ?? 3600;
  const marks = [];
  for (let second = 0; second <= seconds + 1e-9; second += step) {
    const x = xOf(figure, second * 1e9);
    marks.push(path(`M${x} ${y}v4`, { class: "axis" }));
    marks.push(text(x, y + 15, `${second} s`, { class: "faint", "text-anchor": "middle", "font-size": 10 }));
  }
  return marks;
}

function legend(bands: readonly Band[], y: number): string[] {
  return bands.flatMap((band, index) => {
    const at = y + 2 * line * index;
    return [
      element("rect", { x: legendAt, y: at - 1, width: 10, height: 10, ...fillOf(band, index) }),
      text(legendAt + 15, at + 8, [band.name, ...band.notes].join(", "), {}),
      text(legendAt + 15, at + 8 + line - 3, summaryOf(band), { class: "faint", "font-size": 10 }),
    ];
  });
}

function summary(band: Band): string {
  return `${band.name} ${summaryOf(band)}`;
}

function summaryOf({ meanPercent, heldPercent, holds }: Band): string {
  const held = holds.length === 0 ? "never held" : `held ${heldPercent.toFixed(0)} % of the time`;
  return `${meanPercent.toFixed(1)} % of one CPU, ${held}`;
}

function fillOf({ name }: Band, index: number): Attributes {
  return name === "all others" ? { class: "others" } : { fill: colours[index % colours.length] ?? "gray" };
}

function xOf({ lengthNs }: Figure, ns: number): number {
  return round(left + (plotWidth * ns) / Math.max(1, lengthNs));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function path(d: string, attributes: Attributes): string {
  return element("path", { d, ...attributes });
}

function text(x: number, y: number, content: string, attributes: Attributes): string {
  return element("text", { x: round(x), y: round(y), ...attributes }, escaped(content));
}

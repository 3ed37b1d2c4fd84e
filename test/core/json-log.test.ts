import assert from "node:assert/strict";
import { createLog } from "../../core/json-log.js";

describe("JSON log", () => {
  it("writes one JSON object a line, with level, time and event", () => {
    const lines: string[] = [];
    createLog("info", (line) => lines.push(line)).warn(
      { event: "domain-gone", domain: "pv1" },
      "pv1 is gone",
    );
    assert.equal(lines.length, 1);
    const { time, ...rest } = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
    assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.deepEqual(rest, { level: "warn", event: "domain-gone", domain: "pv1", msg: "pv1 is gone" });
  });

  it("lets nothing that a guest chose steer a terminal, and reads back as it was", () => {
    const lines: string[] = [];
    const name = "a\u001b]0;x\u0007\u009b31m\u202e\u2028\u061c\u{e0041}\n";
    createLog("info", (line) => lines.push(line)).info({ event: name, [name]: [name] }, name);
    assert.match(lines.join(""), /^[ -~]+\n$/);
    const read = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
    assert.deepEqual([read.event, read[name], read.msg], [name, [name], name]);
  });

  it("leaves out what is below its level", () => {
    const lines: string[] = [];
    createLog("error", (line) => lines.push(line)).info({ event: "tick" }, "tick");
    assert.deepEqual(lines, []);
  });
});

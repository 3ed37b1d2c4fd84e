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

  it("leaves out what is below its level", () => {
    const lines: string[] = [];
    createLog("error", (line) => lines.push(line)).info({ event: "tick" }, "tick");
    assert.deepEqual(lines, []);
  });
});

import assert from "node:assert/strict";
import { statusCalls } from "../../../core/control/socket/control-calls.js";
import { VmmschedError } from "../../../core/errors.js";
import { ControlPlace } from "../control/socket/control-place.js";
import { runWith } from "./command-line.js";

const complaint = "BUG: kernel \u001b]0;x\u0007 NULL pointer\nforged: line";

describe("vmmsched trust", () => {
  let place: ControlPlace;
  const asked: string[] = [];
  beforeEach(async () => {
    place = new ControlPlace();
    asked.length = 0;
    const unasked = () => Promise.resolve({});
    await place.serve(
      statusCalls({
        status: unasked,
        explain: unasked,
        trust: (domain) => {
          asked.push(domain);
          if (domain === "well") return Promise.resolve({ schema: 1, domain, id: 1 });
          if (domain === "ill") return Promise.resolve({ schema: 1, domain, id: 2, complaint });
          return Promise.reject(new VmmschedError("ERR_DOMAIN_UNKNOWN", `there is no domain ${domain}`));
        },
      }),
    );
  });
  afterEach(() => {
    place[Symbol.dispose]();
  });

  const trust = (...args: readonly string[]) => runWith({}, "trust", ...args, "--socket", place.socket);

  it("says what the guest had complained of, and lets it steer nothing", async () => {
    const { exitCode, stdout } = await trust("ill");
    assert.deepEqual([exitCode, asked], [0, ["ill"]]);
    assert.match(stdout, /^ill is trusted again; its guest had complained: BUG: kernel \\x1b\]0;x\\x07 NULL/);
    assert.equal(stdout.split("\n").length, 2);
  });

  it("says so where there was nothing to forgive", async () => {
    const { exitCode, stdout } = await trust("well");
    assert.deepEqual([exitCode, stdout], [0, "nothing is held against well\n"]);
  });

  it("prints JSON, on one line", async () => {
    const { stdout } = await trust("ill", "--json");
    assert.deepEqual(JSON.parse(stdout), { schema: 1, domain: "ill", id: 2, complaint });
    assert.equal(stdout.trimEnd().split("\n").length, 1);
  });

  it("fails where there is no such domain, and without one", async () => {
    const { exitCode, stderr } = await trust("wel");
    assert.equal(exitCode, 1);
    assert.match(stderr, /there is no domain wel/);
    assert.equal((await runWith({}, "trust", "--socket", place.socket)).exitCode, 2);
  });
});

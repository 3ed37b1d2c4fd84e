import assert from "node:assert/strict";
import { connectControl, type ControlClient } from "../../../../core/control/socket/client.js";
import { pluginsCalls } from "../../../../core/control/socket/control-calls.js";
import type { PluginReport } from "../../../../core/control/socket/plugin-report.js";
import { remotePlugins } from "../../../../core/control/socket/remote-plugins.js";
import { ControlPlace } from "./control-place.js";
import { ScriptedPlugins } from "./scripted-plugins.js";

const idleOnly: PluginReport = {
  name: "idle-only",
  kind: "policy",
  folder: "/p/idle-only",
  state: "inactive",
};
const linux: PluginReport = { name: "linux", kind: "guest-profile", folder: "/p/linux", state: "active" };

describe("plugins over the control socket", () => {
  let place: ControlPlace;
  let plugins: ScriptedPlugins;
  let client: ControlClient;
  beforeEach(async () => {
    place = new ControlPlace();
    plugins = new ScriptedPlugins([idleOnly, linux]);
    await place.serve(pluginsCalls(plugins));
    client = place.keep(await connectControl(place.socket));
  });
  afterEach(() => {
    place[Symbol.dispose]();
  });

  it("are what they are at the other end", async () => {
    const remote = remotePlugins(client);
    assert.deepEqual(await remote.list(), {
      schema: 1,
      set: "default",
      changedByHand: false,
      plugins: [idleOnly, linux],
    });
    assert.deepEqual(await remote.show("linux"), linux);
    assert.deepEqual(await remote.enable("idle-only", { a: [1] }), { ...idleOnly, state: "active" });
    await remote.enable("idle-only");
    assert.deepEqual(await remote.disable("linux"), { ...linux, state: "disabled" });
    assert.equal((await remote.switchTo("night")).set, "night");
    assert.deepEqual(await remote.restore(), plugins.list());
    assert.deepEqual(plugins.asked.slice(0, -1), [
      ["list"],
      ["show", "linux"],
      ["enable", "idle-only", { a: [1] }],
      ["enable", "idle-only", undefined],
      ["disable", "linux"],
      ["switchTo", "night"],
      ["restore"],
    ]);
  });

  it("fail as they fail at the other end", async () => {
    const remote = remotePlugins(client);
    await assert.rejects(remote.disable("idleonly"), {
      code: "ERR_PLUGIN_UNKNOWN",
      message:
        'there is no plugin "idleonly"; did you mean "idle-only"?\nallowed: idle-only, linux [ERR_PLUGIN_UNKNOWN]',
      details: { name: "idleonly" },
    });
    await assert.rejects(remote.switchTo("nigth"), {
      code: "ERR_POLICY_SET_UNKNOWN",
      message: /^there is no set of policies "nigth"; did you mean "night"\?/,
    });
  });

  const wrong: readonly (readonly [call: string, args: object, said: RegExp])[] = [
    ["plugins.show", {}, /^wrong arguments: \/: missing key "name"/],
    ["plugins.enable", { name: "linux", options: [] }, /^wrong arguments: \/options: found \[\]/],
    ["plugins.disable", { name: 3 }, /^wrong arguments: \/name: found 3/],
    ["plugins.switch", { sett: "night" }, /unknown key "sett"; did you mean "set"\?/],
    ["plugins.list", { all: true }, /unknown key "all"/],
  ];
  for (const [call, args, said] of wrong) {
    it(`are not asked for ${call} with ${JSON.stringify(args)}`, async () => {
      await assert.rejects(client.call(call, args), { code: "ERR_CONTROL_PROTOCOL", message: said });
      assert.deepEqual(plugins.asked, []);
      assert.ok(await client.call("plugins.list"), "and the connection goes on");
    });
  }
});

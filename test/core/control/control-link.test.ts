import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ControlLink } from "../../../core/control/control-link.js";
import type { CycleThreadCalls } from "../../../core/control/control-messages.js";
import { HostColumns } from "../../../core/snapshot/host-columns.js";
import { TestFolder } from "../record/recorded-host.js";

const unasked: CycleThreadCalls = {
  usePolicies: () => undefined,
  useProfiles: () => Promise.resolve({}),
  managedDomains: () => ({}),
  status: () => undefined,
  explain: () => undefined,
  trust: () => undefined,
  capture: () => undefined,
  log: () => undefined,
};

describe("control thread", () => {
  let folder: TestFolder;
  let control: ControlLink;
  beforeEach(() => {
    folder = new TestFolder();
  });
  afterEach(async () => {
    await control.close();
    folder[Symbol.dispose]();
  });

  function started(text: string): ControlLink {
    const configFile = folder.file("vmmsched.yaml");
    writeFileSync(configFile, text);
    return (control = new ControlLink({
      configFile,
      version: "0.0.0",
      bundledPlugins: [],
      pluginDirectories: [],
    }));
  }

  it("reads the configuration, fills in defaults and makes paths absolute, before it is opened", async () => {
    const { driver, maxTasks, runtimeDirectory } = await started(
      "maxTasks: 64\nruntimeDirectory: run\n",
    ).configure();
    assert.deepEqual([driver, maxTasks, runtimeDirectory], ["xen", 64, join(folder.file("run"))]);
  });

  it("refuses a wrong configuration, with its code and what is wrong", async () => {
    await assert.rejects(started("driver: xne\n").configure(), {
      code: "ERR_CONFIG_INVALID",
      message: /vmmsched\.yaml:1:1[^]*found "xne"; did you mean "xen"\?/,
    });
  });

  it("refuses policies that there are not, once it is opened", async () => {
    const link = started("runtimeDirectory: run\nmaxTasks: 64\npolicies: [{ name: nobody }]\n");
    const { maxTasks } = await link.configure();
    await assert.rejects(link.open(HostColumns.allocate(maxTasks).buffers, unasked), {
      code: "ERR_CONFIG_INVALID",
      message: /nobody/,
    });
  });
});

import { testGuestProfile } from "vmmsched/testing";
import toy from "./index.js";
import version1 from "./layouts/1.json" with { type: "json" };
import version2 from "./layouts/2.json" with { type: "json" };
import { foreignDomain, toyMachine } from "./machine.js";

testGuestProfile(toy, {
  options: { protect: ["guarded"] },
  layouts: new Map([
    ["layouts/1.json", version1],
    ["layouts/2.json", version2],
  ]),
  machines: {
    "version 1": () => toyMachine({ kind: "pvh", toyVersion: 1 }),
    "version 2": () => toyMachine({ kind: "pvh", toyVersion: 2 }),
    "two CPUs": () => toyMachine({ kind: "pvh", vcpuCount: 2 }),
    "scattered machine frames": () => toyMachine({ kind: "pv" }),
  },
  foreign: {
    "that runs Linux": () => foreignDomain("linux"),
    "that runs something odd": () => foreignDomain("odd"),
  },
});

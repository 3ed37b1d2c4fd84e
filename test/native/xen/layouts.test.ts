import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  domainFlags,
  domainInfoLayouts,
  emulationFlags,
  hvmHwCpuLayout,
  hvmSaveCodeCpu,
  schedCreditLayout,
  schedulerIds,
  schedulerNames,
  vcpuGuestContextLayout,
  vcpuInfoLayout,
  vgcfInKernel,
  xenverVersion,
} from "../../../native/xen/layouts.js";
import { describeWith } from "../../describe-with.js";
import { compile, missingXenHeaders } from "./compiler.js";

type Values = Record<string, number>;

function prefixed(prefix: string, values: Readonly<Values>): Values {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value]));
}

function valuesOfHeaders(): Values {
  const program = compile("layouts.c", "layouts", [
    "-lxenctrl",
    "-lxenforeignmemory",
    "-lxenevtchn",
    "-lxendevicemodel",
    "-lxenstore",
  ]);
  const lines = execFileSync(program, { encoding: "utf8" }).trim().split("\n");
  return Object.fromEntries(
    lines.map((line): [string, number] => {
      const [name = "", value] = line.split(" ");
      return [name, Number(value)];
    }),
  );
}

describeWith("layouts of Xen's structures", missingXenHeaders(), () => {
  it("are those of the installed headers", () => {
    const headers = valuesOfHeaders();
    const domainInfo = domainInfoLayouts.find((layout) => layout.bytes === headers["domainInfo.bytes"]);
    assert.ok(domainInfo, `no layout of ${headers["domainInfo.bytes"]} bytes`);
    const { versions: known, ...members } = domainInfo;
    assert.match(known, /4\.\d+/);
    const schedulers = Object.fromEntries(
      Object.entries(schedulerNames).map(([id, name]) => [name, Number(id)]),
    );
    assert.deepEqual(
      {
        ...prefixed("domainInfo", members),
        ...prefixed("domainFlags", domainFlags),
        ...prefixed("emulationFlags", emulationFlags),
        ...prefixed("vcpuInfo", vcpuInfoLayout),
        ...prefixed("pvContext", vcpuGuestContextLayout),
        vgcfInKernel,
        ...prefixed("hvmCpu", hvmHwCpuLayout),
        hvmSaveCodeCpu,
        ...prefixed("schedCredit", schedCreditLayout),
        ...prefixed("schedCredit2", schedCreditLayout),
        ...prefixed("scheduler", { ...schedulers, ...schedulerIds }),
        xenverVersion,
        pfnOfCr3: 0x123456,
      },
      headers,
    );
  });
});

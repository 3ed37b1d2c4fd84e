import type { WindowsProcessSpec } from "../../../../native/simulated/windows/session.js";
import { secondNs, windowsHost, WindowsView } from "../../../native/simulated/windows/windows-view.js";
import type { EditableBuild } from "./campaign.js";
import { EditedMachine } from "./edited-machine.js";

/** The process whose thread is edited. */
export const victim = "victim.exe";
export const burn = { kind: "burn" } as const;

/** A machine after its first second, in which these processes want the processor all the time; the victim may do otherwise. */
export async function machine(
  build: EditableBuild,
  names: readonly string[] = [victim, "burn.exe", "other.exe"],
  vcpuCount = 1,
  workload: WindowsProcessSpec["workload"] = burn,
  interrupts = true,
): Promise<EditedMachine> {
  const windowsProcesses = names.map((comm) => ({ comm, workload: comm === victim ? workload : burn }));
  const view = new WindowsView(windowsHost(build, { windowsProcesses, vcpuCount }));
  view.host.advance(secondNs);
  return EditedMachine.of(view, interrupts);
}

import { existsSync } from "node:fs";
import { mkdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { diskBytes } from "./code-archive.js";
import { Dom0Console } from "./dom0-console.js";
import { Dom0 } from "./dom0.js";
import { Guest } from "../guest.js";
import { runningGuests } from "./guest-configurations.js";
import { compiledModule, contentKey, discardOlder, type Images } from "./images.js";
import { Machine } from "./machine.js";
import { cache } from "./places.js";

/** Booting takes a minute on a quiet computer and several on a busy one. */
const patienceMs = 600_000;

async function bringUp(dom0: Dom0, say: (text: string) => void): Promise<void> {
  const began = performance.now();
  const seconds = (): string => ((performance.now() - began) / 1000).toFixed(1);
  await dom0.run("true", { timeoutMs: patienceMs });
  say(`Dom0 is up after ${seconds()} s`);
  for (const name of runningGuests) {
    await dom0.run(`xl create /opt/lab/${name}.cfg`, { timeoutMs: patienceMs });
    const guest = new Guest(name, new Dom0Console(name, dom0));
    const forks = await guest.waitFor(/FORKTEST n=\d+ killed_by_signal=(\d+) failed=(\d+)/, patienceMs);
    if (forks[1] !== "0" || forks[2] !== "0")
      throw new Error(
        `${name}: the emulated CPU kills short processes (${forks[0]}); no test can be trusted`,
      );
    await guest.waitFor(/^READY/, patienceMs);
    const clock = await dom0.run(`guest-clock ${name} align`, { timeoutMs: patienceMs });
    say(clock.stdout.trim());
    say(`${name} is up after ${seconds()} s`);
  }
}

/** A file with the running machine (Dom0 and the idle guests); boots and saves one if there is none for these images. */
export async function ensureSavedState(images: Images, say: (text: string) => void): Promise<string> {
  const key = contentKey([compiledModule("saved-state"), compiledModule("machine")], [images.key]);
  const folder = join(cache, `state-${key}`);
  const state = join(folder, "machine.state");
  if (existsSync(state)) return state;

  say("booting the machine that will be saved (a few minutes)");
  await discardOlder("state-");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const disk = join(folder, "empty.disk");
  await writeFile(disk, "");
  await truncate(disk, diskBytes);
  await using machine = await Machine.start({ images, folder, disk });
  using dom0 = await Dom0.connect(machine.agentSocket);
  await Promise.race([bringUp(dom0, say), machine.failure]);
  const began = performance.now();
  await machine.save(state);
  await rm(disk);
  say(`saved in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  return state;
}

/** The thread that owns everything around the cycle: configuration, plugins, the policies' threads, the control socket. */
import { parentPort, workerData } from "node:worker_threads";
import { loadConfig, type LoadedConfig } from "../config/load.js";
import type { Log } from "../log.js";
import { requireOwnPath } from "../permissions/own-path.js";
import type { HostBuffers } from "../snapshot/host-columns.js";
import type { ControlThreadCalls, ControlThreadData, CycleThreadCalls } from "./control-messages.js";
import type { ControlPlane } from "./control-plane.js";
import { ThreadLink } from "./thread-link.js";

if (parentPort === null) throw new Error("control-thread runs as a worker");
const port = parentPort;
const data = workerData as ControlThreadData;
let config: LoadedConfig | undefined;
let plane: ControlPlane | undefined;

/** Read and checked once, for both threads. */
const configuration = () => {
  if (config !== undefined) return config;
  requireOwnPath(data.configFile);
  return (config = loadConfig(data.configFile));
};

const calls: ControlThreadCalls = {
  configure: () => configuration().values,
  open: async (host: HostBuffers) => {
    // Only now: the thread of the cycle waits for the configuration, which needs little of it.
    const { ControlPlane } = await import("./control-plane.js");
    plane = new ControlPlane(data, configuration(), host, cycle, log);
    await plane.open();
  },
  frame: (captured: ArrayBuffer) => plane?.recorder.frame(captured),
  framesLost: (why: string) => plane?.recorder.lost(why),
  close: async () => await plane?.close(),
};
const cycle = new ThreadLink<CycleThreadCalls>(port, calls);

/** All lines go through the thread of the cycle: one thread writes, and in the order in which things happened. */
const write =
  (level: Parameters<CycleThreadCalls["log"]>[0]): Log[typeof level] =>
  (fields, message) => {
    cycle.tell("log", [level, fields, message]);
  };
const log: Log = {
  trace: write("trace"),
  debug: write("debug"),
  info: write("info"),
  warn: write("warn"),
  error: write("error"),
};

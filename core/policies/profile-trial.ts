import { VmmschedError } from "../errors.js";
import { restoreStack, type StagedPlugin } from "../plugins/stage.js";
import { GrowthWatch } from "./growth-watch.js";
import { PluginThread } from "./plugin-thread.js";
import { describeFault, type PolicyFault } from "./policy-worker.js";
import { isFromPolicy, type FromPolicy } from "./thread-messages.js";
import { Waiters } from "./waiters.js";

/** What the thread of a trial is started with. */
export interface ProfileTrialData {
  readonly entryUrl: string;
  readonly memoryMb: number;
}

/** What a guest profile may take while it is imported. */
export interface TrialLimits {
  readonly loadMs: number;
  readonly memoryMb: number;
}

type Fault = Pick<PolicyFault, "message" | "stack" | "during">;

const watchIntervalMs = 100;
const importing = 0;

/**
 * Imports a guest profile in a thread that is thrown away, so that one that loops, exits, throws, rejects or takes all
 * memory while it is imported never comes to the thread of the cycle. Throws ERR_PLUGIN_INVALID with the place in the
 * author's file. What it does later, when it reads guests, is not tried.
 */
export async function tryProfile(plugin: StagedPlugin, { loadMs, memoryMb }: TrialLimits): Promise<void> {
  const waiters = new Waiters<FromPolicy>();
  const fail = (fault: Fault) => waiters.reject(refusal(plugin, fault));
  const workerData: ProfileTrialData = { entryUrl: plugin.entryUrl, memoryMb };
  const thread = new PluginThread(
    new URL("./profile-trial-thread.js", import.meta.url),
    { name: `trial of ${plugin.name}`, workerData, memoryMb },
    {
      message: (message) => {
        if (!isFromPolicy(message)) return;
        if (message.type === "fault") fail(message.fault);
        else waiters.resolve(message);
      },
      died: ({ message, stack, during }) => fail({ message, stack, during: during ?? "import" }),
    },
  );
  const growth = new GrowthWatch(memoryMb);
  const watch = setInterval(() => {
    const grown = growth.complaint(importing);
    if (grown !== undefined) fail({ message: grown, stack: "", during: "memory" });
  }, watchIntervalMs);
  try {
    await waiters.wait("ready", loadMs, (seconds) => {
      const message = `it did not come to an end within ${seconds} s`;
      return refusal(plugin, { message, stack: "", during: "import" });
    });
  } finally {
    clearInterval(watch);
    await thread.end();
  }
}

function refusal(plugin: StagedPlugin, { message, stack, during }: Fault): VmmschedError {
  const restored = {
    message: restoreStack(message, plugin),
    stack: restoreStack(stack, plugin),
    during,
  };
  return new VmmschedError(
    "ERR_PLUGIN_INVALID",
    `guest profile ${plugin.name} could not be loaded: ${describeFault(restored)}`,
    { plugin: plugin.name },
  );
}

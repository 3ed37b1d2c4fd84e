import { createHash } from "node:crypto";
import { createConnection, createServer, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** An abstract socket is bound by one process only, and free again when that process ends, however it ends. */
function addressOf(name: string, cache: string): string {
  const key = createHash("sha256").update(cache).digest("hex").slice(0, 16);
  return `\0vmmsched-${name.toLowerCase()}-lab-${key}`;
}

function take(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((asking) => asking.end(String(process.pid)));
    server.unref();
    server.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen(address, () => resolve(server));
  });
}

function holder(address: string): Promise<number> {
  return new Promise((resolve) => {
    let text = "";
    const asking = createConnection(address);
    asking.on("data", (bytes) => (text += bytes.toString()));
    asking.on("error", () => undefined);
    asking.on("close", () => resolve(Number(text)));
  });
}

/** One machine at a time: two emulated computers on a few cores would disturb each other's timing. `cache` is the folder that runs of the lab share. */
export async function lockLab(name: string, cache: string, say: (text: string) => void): Promise<Disposable> {
  const address = addressOf(name, cache);
  let told = false;
  for (;;) {
    const server = await take(address);
    if (server !== undefined) return { [Symbol.dispose]: () => void server.close() };
    const pid = await holder(address);
    if (pid === process.pid)
      throw new Error(
        `this process already has a ${name} lab open: close it (await using) before the next one`,
      );
    if (!told) say(`waiting for the lab run of process ${pid}`);
    told = true;
    await sleep(500);
  }
}

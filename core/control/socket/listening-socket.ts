import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmdirSync,
  rmSync,
  type BigIntStats,
} from "node:fs";
import { connect, type Server } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { journalPid } from "../../journal/open-journal.js";
import { messageOf, VmmschedError } from "../../errors.js";
import { requireOwnPath } from "../../permissions/own-path.js";
import { checkSocketPath } from "./socket-path.js";

/** How often a name is tried that others take, remove and claim meanwhile. */
const attempts = 50;
const betweenAttemptsMs = 10;

/**
 * Makes `server` listen at `path`, for the owner alone, and its directory where there is none. A socket that a dead process
 * left behind is replaced. Disposing takes the path away, but not from a successor. Throws ERR_CONTROL_SOCKET.
 */
export async function listenAt(server: Server, path: string): Promise<Disposable> {
  checkSocketPath(path, "ERR_CONTROL_SOCKET");
  const directory = dirname(path);
  preparePrivateDirectory(directory);
  // It is bound where nobody else can reach it, and gets its name when its permissions are right.
  const hidden = onDisk(path, () => mkdtempSync(`${directory}/.`));
  try {
    const bound = join(hidden, "s");
    await listening(server, bound, path);
    chmodSync(bound, 0o600);
    await takeName(bound, path);
    const own = lstatSync(path, { bigint: true });
    return {
      [Symbol.dispose]() {
        const now = lstatSync(path, { throwIfNoEntry: false, bigint: true });
        if (now !== undefined && isSameFile(now, own)) rmSync(path, { force: true });
      },
    };
  } catch (error) {
    server.close();
    throw error;
  } finally {
    rmSync(hidden, { recursive: true, force: true });
  }
}

/** File permissions are what guards the socket, so nobody else may put another one in its place. */
function preparePrivateDirectory(directory: string): void {
  onDisk(directory, () => {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    requireOwnPath(directory);
  });
}

function listening(server: Server, bound: string, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => reject(refusal(path, messageOf(error), { cause: error }));
    server.once("error", failed);
    server.listen(bound, () => {
      server.off("error", failed);
      resolve();
    });
  });
}

/** A link fails where a name is taken: of several that start at once, one wins. */
async function takeName(bound: string, path: string): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    try {
      linkSync(bound, path);
      return;
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw refusal(path, messageOf(error), { cause: error });
    }
    const found = lstatSync(path, { throwIfNoEntry: false, bigint: true });
    if (found === undefined) continue;
    if (!found.isSocket()) {
      throw refusal(path, `${path} is there and is no socket`, {
        mend: "remove it, or choose another runtimeDirectory",
      });
    }
    if (await isAlive(path)) {
      const holder = journalPid(dirname(path)) ?? 0;
      const who = holder === 0 ? "" : ` (process ${holder})`;
      throw refusal(path, `another scheduler${who} runs and listens to ${path}`, {
        mend: "stop it first, or give this one another runtimeDirectory",
        holder,
      });
    }
    const claim = `${dirname(path)}/.dead-${found.ino}-${found.ctimeNs}`;
    if (removeDead(path, found, claim)) continue;
    if (attempt === attempts - 1) {
      throw refusal(path, `another scheduler is being started there, or died while it was`, {
        mend: `remove ${claim} if none is`,
      });
    }
    await sleep(betweenAttemptsMs);
  }
  throw refusal(path, "schedulers start and end there all the time");
}

/**
 * Removes the socket `dead` if it still has its name. Whoever makes `claim`, which is named after it, alone may: another
 * that starts could otherwise put its own socket there between our looking and our removing. False when another may.
 */
function removeDead(path: string, dead: BigIntStats, claim: string): boolean {
  try {
    mkdirSync(claim);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw refusal(path, messageOf(error), { cause: error });
  }
  try {
    const now = lstatSync(path, { throwIfNoEntry: false, bigint: true });
    // A new file may have got the number of one that was removed.
    if (now !== undefined && isSameFile(now, dead) && now.ctimeNs === dead.ctimeNs) rmSync(path);
  } finally {
    rmdirSync(claim);
  }
  return true;
}

/** Does any process listen to this socket? One that is too busy to answer does. */
function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => {
      const code = codeOf(error);
      if (code === "ECONNREFUSED" || code === "ENOENT") resolve(false);
      else if (code === "EAGAIN") resolve(true);
      else reject(refusal(path, messageOf(error), { cause: error }));
    });
  });
}

function isSameFile(a: BigIntStats, b: BigIntStats): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

function onDisk<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw refusal(path, messageOf(error), { cause: error });
  }
}

interface Refusal {
  readonly mend?: string;
  readonly cause?: unknown;
  /** Id of the process that is there already; 0: not known. */
  readonly holder?: number;
}

function refusal(path: string, why: string, { holder, ...more }: Refusal = {}): VmmschedError {
  const mend = more.mend === undefined ? "" : `\nmend: ${more.mend}`;
  const message = `the control socket cannot be opened: ${why}${mend}`;
  return new VmmschedError(
    "ERR_CONTROL_SOCKET",
    message,
    { path, ...(holder === undefined ? {} : { holder }) },
    { cause: more.cause },
  );
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

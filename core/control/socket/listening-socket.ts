import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  type Stats,
} from "node:fs";
import { connect, type Server } from "node:net";
import { dirname, join } from "node:path";
import { messageOf, VmmschedError } from "../../errors.js";
import { checkSocketPath } from "./socket-path.js";

/**
 * Makes `server` listen at `path`, for the owner alone, and its directory where there is none. A socket that a dead process
 * left behind is replaced. Disposing takes the path away, but not from a successor. Throws ERR_CONTROL_SOCKET.
 */
export async function listenAt(server: Server, path: string): Promise<Disposable> {
  checkSocketPath(path, "ERR_CONTROL_SOCKET");
  const directory = dirname(path);
  preparePrivateDirectory(directory);
  // It is bound where nobody else can reach it, and gets its name when its permissions are right.
  const hidden = onDisk(path, () => mkdtempSync(join(directory, ".")));
  try {
    const bound = join(hidden, "s");
    await listening(server, bound, path);
    chmodSync(bound, 0o600);
    await takeName(bound, path, hidden);
    const own = lstatSync(path);
    return {
      [Symbol.dispose]() {
        const now = lstatSync(path, { throwIfNoEntry: false });
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
  onDisk(directory, () => mkdirSync(directory, { recursive: true, mode: 0o700 }));
  const { uid, mode } = statSync(directory);
  const self = process.geteuid?.() ?? 0;
  if (uid !== self && uid !== 0) {
    throw refusal(directory, `${directory} belongs to user ${uid}, and this runs as user ${self}`, {
      mend: `chown ${self} ${directory}`,
    });
  }
  if ((mode & 0o022) !== 0) {
    throw refusal(
      directory,
      `others than its owner may write to ${directory}, so they could replace the socket`,
      {
        mend: `chmod 700 ${directory}`,
      },
    );
  }
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

/** A link fails where a name is taken: of two that start at once, one wins. */
async function takeName(bound: string, path: string, hidden: string): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      linkSync(bound, path);
      return;
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw refusal(path, messageOf(error), { cause: error });
    }
    await removeDead(path, hidden);
  }
  throw refusal(path, "other schedulers start and end there at this moment");
}

/**
 * Takes away a socket that nobody listens to. It is set aside first and asked again: a scheduler that has just started
 * may have put its own there meanwhile.
 */
async function removeDead(path: string, hidden: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw refusal(path, `${path} is there and is no socket`, {
      mend: "remove it, or choose another runtimeDirectory",
    });
  }
  if (await isAlive(path)) throw inUse(path);
  const aside = join(hidden, "aside");
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw refusal(path, messageOf(error), { cause: error });
  }
  if (await isAlive(aside)) {
    linkSync(aside, path);
    throw inUse(path);
  }
  rmSync(aside);
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

function isSameFile(a: Stats, b: Stats): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

function onDisk<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw refusal(path, messageOf(error), { cause: error });
  }
}

function inUse(path: string): VmmschedError {
  return refusal(path, `another scheduler runs and listens to ${path}`, {
    mend: "stop it first, or give this one another runtimeDirectory",
  });
}

function refusal(path: string, why: string, more: { mend?: string; cause?: unknown } = {}): VmmschedError {
  const mend = more.mend === undefined ? "" : `\nmend: ${more.mend}`;
  const message = `the control socket cannot be opened: ${why}${mend}`;
  return new VmmschedError("ERR_CONTROL_SOCKET", message, { path }, { cause: more.cause });
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

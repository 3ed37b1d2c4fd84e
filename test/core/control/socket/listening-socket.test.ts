import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { connectControl } from "../../../../core/control/socket/client.js";
import { openControlServer } from "../../../../core/control/socket/server.js";
import { isVmmschedError } from "../../../../core/errors.js";
import { silentLog } from "../../../../core/log.js";
import { ControlPlace } from "./control-place.js";

const permissions = (path: string) => (lstatSync(path).mode & 0o777).toString(8);
const root = process.geteuid?.() === 0;
const nobody = 65_534;

/** A process that listens at `path` and was killed: its socket is still there. */
async function deadSocket(path: string): Promise<void> {
  const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => console.log("listening"))`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "close");
  assert.ok(lstatSync(path).isSocket());
}

describe("the control socket", () => {
  let place: ControlPlace;
  beforeEach(() => {
    place = new ControlPlace();
  });
  afterEach(() => {
    place[Symbol.dispose]();
  });

  const open = async (directory = place.directory) =>
    place.keep(await openControlServer(directory, { who: () => "me" }, silentLog));
  const refused = async (directory: string, said: RegExp) => {
    await assert.rejects(open(directory), (error) => {
      assert.ok(isVmmschedError(error, "ERR_CONTROL_SOCKET"), String(error));
      assert.match(error.message, said);
      return true;
    });
  };
  const who = async () => {
    using client = await connectControl(place.socket);
    return await client.call("who");
  };

  it("is for its owner alone, and so is its directory, whatever the umask is", async () => {
    const directory = join(place.directory, "run", "vmmsched");
    const umask = process.umask(0);
    try {
      const server = await open(directory);
      assert.equal(permissions(server.path), "600");
      assert.equal(permissions(directory), "700");
      assert.deepEqual(readdirSync(directory), ["control.sock"]);
    } finally {
      process.umask(umask);
    }
  });

  it("is gone when the server is disposed, and can be opened again", async () => {
    for (let i = 0; i < 3; i++) {
      const server = await openControlServer(place.directory, {}, silentLog);
      assert.ok(existsSync(place.socket));
      server[Symbol.dispose]();
      assert.deepEqual(readdirSync(place.directory), []);
    }
  });

  it("replaces one that a dead process left behind", async () => {
    await deadSocket(place.socket);
    await assert.rejects(who(), { code: "ERR_CONTROL_UNREACHABLE" });
    await open();
    assert.equal(await who(), "me");
    assert.deepEqual(readdirSync(place.directory), ["control.sock"]);
  });

  it("is not taken from another scheduler that runs", async () => {
    await open();
    await refused(
      place.directory,
      /^the control socket cannot be opened: another scheduler runs and listens to \/.*control\.sock\nmend: stop it first, or /,
    );
    assert.equal(await who(), "me");
    assert.deepEqual(readdirSync(place.directory), ["control.sock"]);
  });

  for (const stale of [false, true]) {
    it(`is won by one of those that start at once${stale ? " where a dead one is" : ""}`, async () => {
      if (stale) await deadSocket(place.socket);
      const starts = await Promise.allSettled(Array.from({ length: 8 }, () => open()));
      const lost = starts.flatMap((each) => (each.status === "rejected" ? [each.reason as unknown] : []));
      assert.equal(lost.length, 7);
      for (const error of lost) assert.ok(isVmmschedError(error, "ERR_CONTROL_SOCKET"), String(error));
      assert.equal(await who(), "me");
      assert.deepEqual(readdirSync(place.directory), ["control.sock"]);
    });
  }

  it("is won by one of the processes that start at once where a dead one is", async () => {
    await deadSocket(place.socket);
    const modules = ["control/socket/server", "log"].map((name) =>
      import.meta.resolve(`../../../../core/${name}.js`),
    );
    const script = `
      const [{ openControlServer }, { silentLog }] = await Promise.all(${JSON.stringify(modules)}.map((m) => import(m)));
      console.log(await openControlServer(${JSON.stringify(place.directory)}, {}, silentLog).then(() => "won", (e) => e.code));
      process.stdin.resume().on("end", () => process.exit());`;
    const children = Array.from({ length: 6 }, () =>
      spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["pipe", "pipe", "inherit"] }),
    );
    const said = await Promise.all(
      children.map(async ({ stdout }) => String(((await once(stdout, "data")) as [Buffer])[0]).trim()),
    );
    for (const child of children) child.stdin.end();
    assert.deepEqual(said.sort(), [...Array<string>(5).fill("ERR_CONTROL_SOCKET"), "won"]);
  });

  it("says which claim of a starter that died keeps a dead one there", async () => {
    await deadSocket(place.socket);
    const { ino, ctimeNs } = lstatSync(place.socket, { bigint: true });
    const claim = join(place.directory, `.dead-${ino}-${ctimeNs}`);
    mkdirSync(claim);
    await refused(place.directory, new RegExp(`or died while it was\nmend: remove ${claim} if none is`));
    rmdirSync(claim);
    await open();
    assert.equal(await who(), "me");
  });

  it("of a successor stays when the server before it is disposed", async () => {
    const first = await openControlServer(place.directory, {}, silentLog);
    renameSync(place.socket, join(place.directory, "moved.sock"));
    await open();
    first[Symbol.dispose]();
    assert.equal(await who(), "me");
  });

  it("does not take the place of what is no socket", async () => {
    writeFileSync(place.socket, "precious");
    await refused(place.directory, /control\.sock is there and is no socket\nmend: remove it, /);
    rmSync(place.socket);
    mkdirSync(place.socket);
    await refused(place.directory, /control\.sock is there and is no socket/);
  });

  for (const mode of [0o770, 0o707, 0o1777]) {
    it(`is not opened in a directory that others may write to (${mode.toString(8)})`, async () => {
      chmodSync(place.directory, mode);
      await refused(place.directory, /its owner alone\nmend: chmod go-w \//);
    });
  }

  it("is not opened in the directory of another user", async function () {
    if (!root) this.skip();
    chownSync(place.directory, nobody, nobody);
    await refused(place.directory, /belongs to user 65534; allowed: root\nmend: chown 0 \//);
  });

  it("is not opened where its directory cannot be", async () => {
    const file = join(place.directory, "file");
    writeFileSync(file, "");
    await refused(join(file, "run"), /ENOTDIR/);
    await refused(file, /EEXIST/);
  });

  it("is not opened at a path that the kernel would cut off", async () => {
    const directory = join(place.directory, "x".repeat(100));
    await refused(directory, /is \d+ bytes long, 107 is the most: choose a shorter runtimeDirectory than \//);
    assert.ok(!existsSync(directory));
  });
});

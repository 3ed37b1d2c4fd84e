import assert from "node:assert/strict";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import {
  hostPaths,
  requireOwnPath,
  type Ownership,
  type PathLook,
} from "../../../core/permissions/own-path.js";
import { PluginWorkshop } from "../plugins/plugin-workshop.js";

interface Entry {
  readonly uid?: number;
  readonly mode?: number;
  readonly link?: string;
}

/** A file system of these entries, seen by user 7; what is not said belongs to root with mode 0755. */
function files(entries: Readonly<Record<string, Entry>>): PathLook {
  return {
    uid: 7,
    status(path): Ownership {
      const entry = path === "/" ? (entries["/"] ?? {}) : entries[path];
      if (entry === undefined) throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
      const { uid = 0, mode = 0o755, link } = entry;
      const isFile = path.includes(".");
      return {
        uid,
        mode,
        isDirectory: () => !isFile && link === undefined,
        isSymbolicLink: () => link !== undefined,
      };
    },
    target: (path) => entries[path]?.link ?? "",
  };
}

const etc = { "/etc": {}, "/etc/v": {}, "/etc/v/c.yaml": { mode: 0o644 } };

describe("a path that is trusted", () => {
  const safe: Readonly<Record<string, Readonly<Record<string, Entry>>>> = {
    "root's": etc,
    "our own": { ...etc, "/etc/v": { uid: 7 }, "/etc/v/c.yaml": { uid: 7, mode: 0o600 } },
    "below a sticky directory": { ...etc, "/etc": { mode: 0o1777 }, "/etc/v": { uid: 7, mode: 0o700 } },
    "not there": { "/etc": {} },
    "a link of ours to what is ours": {
      ...etc,
      "/etc/v/c.yaml": { link: "../d.yaml", mode: 0o777 },
      "/etc/d.yaml": {},
    },
  };
  for (const [title, entries] of Object.entries(safe)) {
    it(`is accepted where it is ${title}`, () => {
      requireOwnPath("/etc/v/c.yaml", files(entries));
    });
  }

  const unsafe: Readonly<
    Record<string, readonly [Readonly<Record<string, Entry>>, path: string, said: RegExp]>
  > = {
    "its group may write": [
      { ...etc, "/etc/v/c.yaml": { mode: 0o664 } },
      "/etc/v/c.yaml",
      /its group may.*0664.*\nmend: chmod go-w \/etc\/v\/c\.yaml/,
    ],
    "everybody may write": [{ ...etc, "/etc/v/c.yaml": { mode: 0o602 } }, "/etc/v/c.yaml", /everybody may/],
    "somebody else owns it": [
      { ...etc, "/etc/v/c.yaml": { uid: 8 } },
      "/etc/v/c.yaml",
      /user 8; allowed: root or user 7\nmend: chown 7 /,
    ],
    "others may write to its directory": [{ ...etc, "/etc/v": { mode: 0o775 } }, "/etc/v", /mode 0775/],
    "others may write to a directory above": [
      { ...etc, "/etc": { mode: 0o777 } },
      "/etc",
      /its group and everybody/,
    ],
    "somebody else's entry lies in a sticky directory": [
      { ...etc, "/etc": { mode: 0o1777 }, "/etc/v": { uid: 8 } },
      "/etc/v",
      /user 8/,
    ],
    "it is a link of somebody else": [
      { ...etc, "/etc/v/c.yaml": { uid: 8, link: "/etc/d.yaml" }, "/etc/d.yaml": {} },
      "/etc/v/c.yaml",
      /mend: chown -h 7/,
    ],
    "a link leads to where others may write": [
      { ...etc, "/etc/v": { link: "/srv/v" }, "/srv": { mode: 0o757 }, "/srv/v": {} },
      "/srv",
      /everybody/,
    ],
    "links lead round": [{ ...etc, "/etc/v/c.yaml": { link: "c.yaml" } }, "/etc/v/c.yaml", /too many/],
  };
  for (const [title, [entries, path, said]] of Object.entries(unsafe)) {
    it(`is refused where ${title}`, () => {
      assert.throws(
        () => requireOwnPath("/etc/v/c.yaml", files(entries)),
        (error: { code: string; message: string; details: { path: string } }) => {
          assert.equal(error.code, "ERR_UNSAFE_PERMISSIONS");
          assert.equal(error.details.path, path);
          assert.match(error.message, said);
          return true;
        },
      );
    });
  }

  it("may not be a sticky directory itself: others could add plugins", () => {
    assert.throws(() => requireOwnPath("/etc", files({ "/etc": { mode: 0o1777 } })), {
      code: "ERR_UNSAFE_PERMISSIONS",
    });
  });

  it("is looked at on this host's disk", () => {
    using workshop = new PluginWorkshop();
    mkdirSync(workshop.at("it's"));
    writeFileSync(workshop.at("it's", "file"), "");
    symlinkSync("it's", workshop.at("link"));
    requireOwnPath(workshop.at("link", "file"), hostPaths);
    chmodSync(workshop.at("it's"), 0o775);
    assert.throws(() => requireOwnPath(workshop.at("link", "file")), /mend: chmod go-w '.*it'\\''s'/);
  });
});

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { isVmmschedError } from "../../../core/errors.js";
import { readSymbolFile } from "../../../native/image/index.js";
import { describeWith } from "../../describe-with.js";
import { ImageFolder } from "./image-bytes.js";

const missingXz = spawnSync("xz", ["--version"]).status === 0 ? undefined : "no xz: apt-get install xz-utils";

describe("a file of symbols", () => {
  let folder: ImageFolder;
  beforeEach(() => (folder = new ImageFolder()));
  afterEach(() => {
    folder[Symbol.dispose]();
  });
  const refused = (path: string, message: RegExp) => {
    assert.throws(
      () => readSymbolFile(path),
      (error) => isVmmschedError(error, "ERR_SYMBOLS_UNREADABLE") && message.test(error.message),
    );
  };

  it("is read as it is", () => {
    assert.equal(readSymbolFile(folder.write("a.json", Buffer.from("{}"))).toString(), "{}");
  });

  it("that is not there, or no file, cannot be read", () => {
    refused(`${folder.path}/none`, /none cannot be read: ENOENT/);
    refused(folder.path, /no regular file/);
  });

  describeWith("packed with xz", missingXz, () => {
    const pack = (bytes: Uint8Array) => execFileSync("xz", ["--compress", "--stdout"], { input: bytes });

    it("is unpacked, whatever its name", () => {
      const text = Buffer.from("symbols ".repeat(10_000));
      assert.deepEqual(readSymbolFile(folder.write("-odd name", pack(text))), text);
    });

    it("and damaged cannot be read", () => {
      const packed = pack(Buffer.from("symbols ".repeat(10_000)));
      refused(
        folder.write("half.xz", packed.subarray(0, packed.length / 2)),
        /xz cannot unpack it: .*end of input/,
      );
    });

    it("without xz says how to get it", () => {
      const path = process.env.PATH;
      process.env.PATH = folder.path;
      try {
        refused(
          folder.write("a.xz", Buffer.from("\xfd7zXZ\0", "latin1")),
          /no xz \(apt-get install xz-utils\)/,
        );
      } finally {
        process.env.PATH = path;
      }
    });
  });
});

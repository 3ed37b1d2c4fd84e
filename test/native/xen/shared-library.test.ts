import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { libxenctrlSpec } from "../../../native/xen/libxenctrl.js";
import { libxenforeignmemorySpec } from "../../../native/xen/libxenforeignmemory.js";
import { SharedLibrary, type LibraryPaths } from "../../../native/xen/shared-library.js";
import { XenHypervisor } from "../../../native/xen/xen-hypervisor.js";
import { describeWith } from "../../describe-with.js";
import { compileFake, missingCompiler } from "./compiler.js";
import { FakeXen, libraryPaths } from "./fake-xen.js";

function openWith(paths: LibraryPaths): () => void {
  return () => new XenHypervisor({ libraryPaths: paths })[Symbol.dispose]();
}

describe("libxenctrl's sonames", () => {
  it("start with the running version, then the newest that is known", () => {
    const { sonames } = libxenctrlSpec("4.17");
    assert.deepEqual(sonames.slice(0, 3), ["libxenctrl.so.4.17", "libxenctrl.so.4.22", "libxenctrl.so.4.21"]);
    assert.equal(sonames.filter((soname) => soname === "libxenctrl.so.4.17").length, 1);
    assert.equal(sonames.at(-1), "libxenctrl.so.4.14");
  });

  it("include a running version that is newer than all that are known", () => {
    assert.equal(libxenctrlSpec("4.99").sonames[0], "libxenctrl.so.4.99");
  });
});

describe("a missing library", () => {
  it("says what was tried and how to get it", () => {
    const paths = { libxenforeignmemory: ["libnone.so.2", "libnone.so.1"] };
    assert.throws(() => SharedLibrary.load(libxenforeignmemorySpec, paths), {
      code: "ERR_LIBRARY_MISSING",
      message:
        "libxenforeignmemory cannot be loaded: tried libnone.so.2, libnone.so.1. " +
        "On Debian: apt-get install libxenforeignmemory1, or xen-utils [ERR_LIBRARY_MISSING]",
      details: { library: "libxenforeignmemory", tried: "libnone.so.2 libnone.so.1" },
    });
  });

  it("is no error where it is optional", () => {
    const paths = { libxenforeignmemory: ["libnone.so"] };
    assert.equal(SharedLibrary.loadOptional(libxenforeignmemorySpec, paths), undefined);
  });
});

describeWith("an unsuitable library", missingCompiler(), () => {
  it("that is no library is skipped for the next, and its reason told", () => {
    const good = FakeXen.fresh().path;
    const text = join(dirname(good), "text.so");
    writeFileSync(text, "not an ELF file, but longer than an ELF header is: ".repeat(4));
    const paths = { libxenforeignmemory: [text, good] };
    assert.equal(SharedLibrary.load(libxenforeignmemorySpec, paths).soname, good);
    assert.throws(() => SharedLibrary.load(libxenforeignmemorySpec, { libxenforeignmemory: [text] }), {
      code: "ERR_LIBRARY_MISSING",
      message: /text\.so: .*invalid ELF header/,
    });
  });

  it("without a function is refused by its name", () => {
    const path = compileFake("without-unpause.so", "WITHOUT_UNPAUSE");
    assert.throws(openWith({ ...libraryPaths(FakeXen.fresh().path), libxenctrl: [path] }), {
      code: "ERR_LIBRARY_UNSUITABLE",
      message: `${path} has no function xc_domain_unpause [ERR_LIBRARY_UNSUITABLE]`,
      details: { library: "libxenctrl", soname: path, symbol: "xc_domain_unpause" },
    });
  });

  it("with a structure of another size is refused, with both sizes", () => {
    const path = compileFake("wrong-size.so", "WRONG_SIZE");
    assert.throws(openWith(libraryPaths(path)), {
      code: "ERR_LIBRARY_UNSUITABLE",
      message: `${path}: xc_domaininfo_t has 120 bytes, expected 112 (Xen 4.16 to 4.22) or 104 (Xen 4.14 to 4.15) [ERR_LIBRARY_UNSUITABLE]`,
    });
  });

  it("whose first domain cannot be Domain 0 is refused", () => {
    const fake = FakeXen.fresh();
    fake.calls.remove(0);
    assert.throws(() => fake.open(), {
      code: "ERR_LIBRARY_UNSUITABLE",
      message: /xc_domaininfo_t of Domain 0 does not have its members where they were expected/,
    });
    assert.equal(fake.calls.interfacesOpen(), 0);
  });
});

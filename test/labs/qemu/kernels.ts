import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { attempt } from "../command.js";
import { dependencies, unpackPackages } from "../debian-packages.js";
import { cache } from "./places.js";

/** A Debian kernel that guests boot. */
export interface LabKernel {
  /** As in VMMSCHED_LAB_KERNELS. */
  readonly series: "5.10" | "6.1" | "6.12";
  /** Suites that have it, by the archive that they lie in; undefined: the host's own. */
  readonly suites?: readonly (readonly [archive: Archive, suite: string])[];
}

/** Labels of Debian's archives. */
type Archive = "Debian" | "Debian-Security";

const kernels: readonly LabKernel[] = [
  { series: "6.1" },
  {
    series: "5.10",
    suites: [
      ["Debian-Security", "bullseye-security"],
      ["Debian", "bullseye"],
    ],
  },
  { series: "6.12", suites: [["Debian", "bookworm-backports"]] },
];

/** The kernels that the tests are to run with: those of VMMSCHED_LAB_KERNELS, or 6.1. */
export const wantedKernels: readonly LabKernel[] = (process.env.VMMSCHED_LAB_KERNELS ?? "6.1")
  .split(",")
  .map((series) => {
    const found = kernels.find((kernel) => kernel.series === series);
    if (found === undefined)
      throw new Error(
        `VMMSCHED_LAB_KERNELS: expected ${kernels.map((kernel) => kernel.series).join(", ")}; found ${series}`,
      );
    return found;
  });

/** Where the host itself gets an archive from. */
async function mirrorOf(archive: Archive): Promise<string> {
  const format = ["--format", "$(REPO_URI) $(LABEL)"];
  const { stdout } = await attempt("apt-get", ["indextargets", ...format]);
  const lines = stdout.toString().split("\n");
  const found = lines.find((line) => line.endsWith(` ${archive}`))?.split(" ")[0];
  if (found === undefined) throw new Error(`apt has no archive ${archive}; run apt-get update`);
  return found;
}

/** apt options that leave the host's own lists alone. */
async function privateLists({ series, suites }: LabKernel): Promise<readonly string[]> {
  if (suites === undefined) return [];
  const folder = join(cache, `apt-${series}`);
  for (const each of ["lists/partial", "cache/archives/partial"])
    await mkdir(join(folder, each), { recursive: true });
  const keyring = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]";
  const sources = await Promise.all(
    suites.map(async ([archive, suite]) => `deb ${keyring} ${await mirrorOf(archive)} ${suite} main\n`),
  );
  await writeFile(join(folder, "sources.list"), sources.join(""));
  return [
    ...["-o", `Dir::Etc::sourcelist=${join(folder, "sources.list")}`, "-o", "Dir::Etc::sourceparts=-"],
    ...["-o", `Dir::State::lists=${join(folder, "lists")}`, "-o", `Dir::Cache=${join(folder, "cache")}`],
    ...["-o", "APT::Sandbox::User=root"],
  ];
}

async function imageName(series: string, options: readonly string[]): Promise<string> {
  const pattern = new RegExp(`^linux-image-${series.replace(".", "\\.")}\\.[^ ]*-cloud-amd64(-unsigned)?$`);
  if (options.length === 0) {
    const found = (await dependencies("linux-image-cloud-amd64")).find((name) => pattern.test(name));
    if (found !== undefined) return found;
  }
  const { stdout } = await attempt("apt-cache", [
    ...options,
    "search",
    "--names-only",
    `^linux-image-${series}`,
  ]);
  const names = stdout
    .toString()
    .split("\n")
    .map((line) => line.split(" ")[0] ?? "");
  const newest = names
    .filter((name) => pattern.test(name) && !name.endsWith("-unsigned"))
    .sort((one, other) => one.localeCompare(other, "en", { numeric: true }))
    .at(-1);
  if (newest === undefined) throw new Error(`apt offers no cloud kernel of the ${series} series`);
  return newest;
}

/** The bzImage of a kernel, downloaded and unpacked once. */
export async function fetchKernel(kernel: LabKernel): Promise<string> {
  const options = await privateLists(kernel);
  const wanted = async () => [await imageName(kernel.series, options)];
  const { root } = await unpackPackages(join(cache, `kernel-${kernel.series}`), wanted, options);
  const file = (await readdir(join(root, "boot"))).find((name) => name.startsWith("vmlinuz-"));
  if (file === undefined) throw new Error(`${root}/boot has no vmlinuz`);
  return join(root, "boot", file);
}

import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { buildDom0Image } from "./dom0-image.js";
import { buildGuestImages } from "./domu-image.js";
import { extractKernel } from "../kernel-image.js";
import { installHostPackages } from "../debian-packages.js";
import { fetchXenPackages, type Packages } from "./packages.js";
import { labSources } from "../places.js";
import { cache, xenSources } from "./places.js";

export interface Images {
  /** Names what the images were made from. */
  readonly key: string;
  readonly xen: string;
  readonly kernel: string;
  readonly dom0: string;
}

/** The modules that decide what the images contain. */
const recipes = [
  "../cpio",
  "../debian-packages",
  "../guest-image",
  "../kernel-image",
  "dom0-image",
  "domu-image",
  "guest-configurations",
  "images",
  "packages",
] as const;

/** A compiled module of the lab: what runs decides what is built, and the sources may already be newer. */
export function compiledModule(name: string): string {
  return fileURLToPath(new URL(`./${name}.js`, import.meta.url));
}

/** A short name for the content of files (and whatever else matters). */
export function contentKey(files: readonly string[], more: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(`${basename(file)}\0`).update(readFileSync(file));
  for (const text of more) hash.update(`\0${text}`);
  return hash.digest("hex").slice(0, 16);
}

function imagesKey(packages: Packages): string {
  const assets = [join(labSources, "guest-programs"), join(xenSources, "images")].flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort(),
  );
  return contentKey(
    [...recipes.map(compiledModule), ...assets],
    [JSON.stringify(packages.versions), process.version],
  );
}

/** The compressed hypervisor in the unpacked packages. */
function findXen(root: string): string {
  const boot = join(root, "boot");
  const name = readdirSync(boot).find((file) => /^xen-\d[\d.]*-amd64\.gz$/.test(file));
  if (name === undefined)
    throw new Error(`${boot}: expected a xen-VERSION-amd64.gz, found ${readdirSync(boot).join(" ")}`);
  return join(boot, name);
}

/** Builds the images, or finds them already built from the same sources and packages. */
export async function ensureImages(say: (text: string) => void): Promise<Images> {
  await installHostPackages();
  const packages = await fetchXenPackages();
  const key = imagesKey(packages);
  const folder = join(cache, `images-${key}`);
  const images = {
    key,
    xen: join(folder, "xen.elf"),
    kernel: join(folder, "vmlinux"),
    dom0: join(folder, "dom0.cpio"),
  };
  if (existsSync(folder)) return images;

  say(`building the lab's images (${key})`);
  const partial = `${folder}.${process.pid}`;
  await mkdir(partial, { recursive: true });
  const kernel = await extractKernel(join(packages.root, "boot", `vmlinuz-${packages.kernelRelease}`));
  const dom0 = await buildDom0Image(packages, kernel, await buildGuestImages());
  await writeFile(join(partial, "xen.elf"), gunzipSync(await readFile(findXen(packages.root))));
  await writeFile(join(partial, "vmlinux"), kernel);
  await writeFile(join(partial, "dom0.cpio"), dom0);
  await discardOlder("images-");
  await rename(partial, folder);
  return images;
}

/** Removes what earlier recipes left behind; each is hundreds of megabytes. */
export async function discardOlder(prefix: string): Promise<void> {
  for (const name of await readdir(cache))
    if (name.startsWith(prefix) && /^[0-9a-f]{16}$/.test(name.slice(prefix.length)))
      await rm(join(cache, name), { recursive: true, force: true });
}

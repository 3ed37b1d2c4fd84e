import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LayoutFile, StructureFile } from "../../../../guest-profiles/windows/layout-file.js";

/**
 * C source of a library with the structures of a layout, each member at its place, and with its symbols. The places come
 * from unnamed structures in a union, so the compiler has to do what Microsoft's does with the kernel's unions.
 *
 * {@link buildTinyKernel} compiles it; ntoskrnl.exe and ntkrnlmp.pdb beside this file are what came out.
 */
export function tinyKernelSource({ structures, symbols }: LayoutFile): string {
  return [
    "#pragma pack(push, 1)",
    "struct _TINY_UNUSED;",
    ...Object.entries(structures).map(([name, structure]) => structureSource(name, structure)),
    "#pragma pack(pop)",
    // Only what is used gets into a PDB.
    ...Object.keys(structures).map((name) => `__declspec(dllexport) struct ${name} use${name};`),
    ...Object.keys(symbols).map(
      (name, i) => `__declspec(dllexport) unsigned long long ${name}[${i + 1}] = {1};`,
    ),
    "",
  ].join("\n");
}

function structureSource(name: string, { size, members, bits = {} }: StructureFile): string {
  const inner = Object.entries(members)
    .filter(([path]) => path.includes("."))
    .map(([path, at]) => {
      const [outer = "", field = ""] = path.split(".");
      return { outer, field, at };
    });
  const types = new Map<string, { field: string; at: number }[]>();
  for (const { outer, field, at } of inner) types.set(outer, [...(types.get(outer) ?? []), { field, at }]);
  const outerAt = (outer: string) =>
    members[outer] ?? Math.min(...(types.get(outer) ?? []).map(({ at }) => at));
  const declarations = [...types].map(([outer, fields]) => {
    const parts = fields.map(({ field, at }) =>
      placed(at - outerAt(outer), `struct _TINY_UNUSED *${field};`),
    );
    return `struct ${name}_${outer} { union { ${parts.join(" ")} }; };`;
  });
  const parts = [
    placed(0, `char wholeSize[${size}];`),
    ...Object.entries(members)
      .filter(([path]) => !path.includes(".") && !types.has(path))
      .map(([path, at]) => placed(at, `unsigned char ${path};`)),
    ...[...types.keys()].map((outer) => placed(outerAt(outer), `volatile struct ${name}_${outer} ${outer};`)),
    ...Object.entries(bits).map(([field, { at, bit, length }]) => {
      const unit = at % 4 === 0 ? "unsigned int" : "unsigned short";
      return placed(at, `${bit === 0 ? "" : `${unit} : ${bit}; `}${unit} ${field} : ${length};`);
    }),
  ];
  return [...declarations, `struct ${name} { union {`, ...parts.map((part) => `  ${part}`), "}; };"].join(
    "\n",
  );
}

/** In an unnamed structure, behind bytes that nobody asks for. */
function placed(at: number, declaration: string): string {
  const before = `before_${declaration.replaceAll(/\W+/g, "_")}`;
  return `struct { ${at === 0 ? "" : `char ${before}[${at}]; `}${declaration} };`;
}

/** A library and the PDB that belongs to it. */
export interface TinyKernel {
  readonly image: Buffer;
  readonly pdb: Buffer;
}

/** Compiles a layout's source in a folder, with clang and lld-link (Debian: clang, lld). */
export function buildTinyKernel(layout: LayoutFile, folder: string): TinyKernel {
  writeFileSync(join(folder, "tiny.c"), tinyKernelSource(layout));
  const run = (program: string, ...options: string[]) =>
    execFileSync(program, options, { cwd: folder, stdio: "pipe" });
  const target = "--target=x86_64-pc-windows-msvc";
  run(
    "clang",
    target,
    "-O0",
    "-g",
    "-gcodeview",
    "-ffile-compilation-dir=.",
    "-c",
    "-o",
    "tiny.obj",
    "tiny.c",
  );
  const plain = ["/dll", "/noentry", "/nodefaultlib", "/debug", "/Brepro", "/machine:x64"];
  const names = [
    "/out:ntoskrnl.exe",
    "/pdb:ntkrnlmp.pdb",
    "/pdbaltpath:ntkrnlmp.pdb",
    "/pdbsourcepath:/tiny",
  ];
  run("lld-link", ...plain, ...names, "tiny.obj");
  return {
    image: readFileSync(join(folder, "ntoskrnl.exe")),
    pdb: readFileSync(join(folder, "ntkrnlmp.pdb")),
  };
}

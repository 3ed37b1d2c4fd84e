import { VmmschedError } from "vmmsched/plugin-api";
import type { PdbId } from "../layout-file.js";
import type { FoundMember, TypeSource } from "./type-source.js";

/** Structures within structures that are followed, by value or without a name. */
const mostLevels = 16;

/** A JSON object of unknown content. */
type Json = Readonly<Record<string, unknown>>;

/**
 * Volatility 3's intermediate symbol format, as its converter makes it of a PDB (schema 6.x of Volatility 3: `metadata`,
 * `user_types` with their `fields`, `symbols` with addresses from the beginning of the image). Throws ERR_SYMBOLS_INVALID.
 */
export function readIsf(text: string): TypeSource {
  const root = parse(text);
  const pdb = pdbOf(root);
  const types = objectAt(root, "user_types") ?? {};
  const symbols = objectAt(root, "symbols") ?? {};
  if (Object.keys(types).length === 0) throw invalid("it has no user_types");
  return {
    pdb,
    size: (structure) => naturalAt(objectAt(types, structure), "size"),
    member(structure, path) {
      let at = 0;
      let name: string | undefined = structure;
      let found: FoundMember | undefined;
      for (const part of path.split(".")) {
        const field = name === undefined ? undefined : findField(types, name, part, mostLevels);
        if (field === undefined) return undefined;
        found = withBits(at + field.offset, field.type);
        at += field.offset;
        name = structureName(field.type);
      }
      return found;
    },
    symbol: (name) => naturalAt(objectAt(symbols, name), "address"),
  };
}

function parse(text: string): Json {
  try {
    const root: unknown = JSON.parse(text);
    if (isObject(root)) return root;
  } catch {
    // Said below: what the parser says of a file of megabytes helps nobody.
  }
  throw invalid("it is not a JSON object");
}

function pdbOf(root: Json): PdbId {
  const metadata = objectAt(root, "metadata");
  const format = metadata?.format;
  if (typeof format !== "string" || !format.startsWith("6."))
    throw invalid(`it has format ${JSON.stringify(format)}; expected an ISF of schema 6`);
  const pdb = objectAt(objectAt(metadata, "windows"), "pdb");
  const { GUID: guid, database: name } = pdb ?? {};
  const age = naturalAt(pdb, "age");
  if (
    typeof guid === "string" &&
    /^[0-9a-f]{32}$/i.test(guid) &&
    typeof name === "string" &&
    age !== undefined
  )
    return { name, guid: guid.toUpperCase(), age };
  throw invalid("its metadata names no PDB with GUID and age; an ISF of a Windows kernel does");
}

interface Field {
  readonly offset: number;
  readonly type: Json;
}

/** A field of a structure, also of one without a name within it. */
function findField(types: Json, structure: string, name: string, levels: number): Field | undefined {
  const fields = objectAt(objectAt(types, structure), "fields");
  const direct = fieldOf(objectAt(fields, name));
  if (direct !== undefined || fields === undefined || levels === 0) return direct;
  for (const key of Object.keys(fields)) {
    const entry = objectAt(fields, key);
    const inner = entry?.anonymous === true ? fieldOf(entry) : undefined;
    const innerName = inner && structureName(inner.type);
    const found = innerName === undefined ? undefined : findField(types, innerName, name, levels - 1);
    if (inner !== undefined && found !== undefined) return { ...found, offset: inner.offset + found.offset };
  }
  return undefined;
}

function fieldOf(entry: Json | undefined): Field | undefined {
  const offset = naturalAt(entry, "offset");
  const type = objectAt(entry, "type");
  return offset === undefined || type === undefined ? undefined : { offset, type };
}

function structureName(type: Json): string | undefined {
  const { kind, name } = type;
  return (kind === "struct" || kind === "union") && typeof name === "string" ? name : undefined;
}

function withBits(offset: number, type: Json): FoundMember {
  if (type.kind !== "bitfield") return { offset };
  const bit = naturalAt(type, "bit_position");
  const length = naturalAt(type, "bit_length");
  if (bit === undefined || length === undefined) throw invalid("a bit field has no place");
  return { offset, bits: { bit, length } };
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function objectAt(object: Json | undefined, key: string): Json | undefined {
  const value = object !== undefined && Object.hasOwn(object, key) ? object[key] : undefined;
  return isObject(value) ? value : undefined;
}

function naturalAt(object: Json | undefined, key: string): number | undefined {
  const value = object !== undefined && Object.hasOwn(object, key) ? object[key] : undefined;
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function invalid(found: string): VmmschedError {
  return new VmmschedError(
    "ERR_SYMBOLS_INVALID",
    `this ISF cannot be used: ${found}. Make it anew with Volatility 3's pdbconv.py`,
  );
}

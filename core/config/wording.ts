import { nearest } from "./nearest.js";

/** "did you mean" for an unknown word, when some allowed one is near. */
export function suggestion(found: unknown, allowed: readonly string[]): string {
  const near = typeof found === "string" ? nearest(found, allowed) : undefined;
  return near === undefined ? "" : `; did you mean ${quote(near)}?`;
}

export function allowedList(allowed: readonly string[]): string {
  return `allowed: ${allowed.length === 0 ? "nothing" : allowed.join(", ")}`;
}

/** A value as JSON, shortened. */
export function quote(value: unknown): string {
  const text = typeof value === "number" ? String(value) : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** `a, b and c`. */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1) ?? ""}`;
}

/**
 * Characters that steer a terminal or change how a line reads: C0 and C1 controls, line and paragraph separators, what turns
 * the direction of writing, what has no width, and tags.
 */
const steering =
  // eslint-disable-next-line no-control-regex -- control characters are what this is about
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** With `\x1b` in their place: names are chosen by guests, and a terminal obeys what it is sent. */
export function escapeControls(text: string): string {
  return text.replace(steering, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
    return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\u{${code.toString(16)}}`;
  });
}

/** The same for text of several lines that are ours. */
export function escapeLines(text: string): string {
  return text.split("\n").map(escapeControls).join("\n");
}

/** JSON in which nothing steers either, and which reads back as it was. Line ends between its values stay. */
export function escapeJson(json: string): string {
  return json.replace(steering, (character) =>
    character === "\n"
      ? character
      : Array.from({ length: character.length }, (_, i) => unitEscape(character.charCodeAt(i))).join(""),
  );
}

function unitEscape(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}

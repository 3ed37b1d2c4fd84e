/** The word of `words` that `word` is most likely a misspelling or a form of, or undefined where none is near. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const farthest = Math.max(1, Math.floor(word.length / 3));
  let best: { readonly word: string; readonly distance: number } | undefined;
  for (const candidate of words) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance <= farthest && distance < (best?.distance ?? Infinity)) best = { word: candidate, distance };
  }
  return best?.word ?? abbreviated(word, words);
}

/** The only word that begins with `word`, or that `word` begins with. */
function abbreviated(word: string, words: readonly string[]): string | undefined {
  const shortest = 3;
  const begins = (long: string, short: string) => short.length >= shortest && long.startsWith(short);
  const candidates = words.filter((each) => begins(each, word) || begins(word, each));
  return candidates.length === 1 ? candidates[0] : undefined;
}

/** Letters to insert, delete, replace or swap with their neighbour (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let twoBefore: number[] = [];
  let before = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(before, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(twoBefore, j - 2) + 1 : Infinity;
      row[j] = Math.min(replaced, swapped, at(before, j) + 1, at(row, j - 1) + 1);
    }
    twoBefore = before;
    before = row;
  }
  return at(before, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}

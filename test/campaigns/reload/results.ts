import { tableLines } from "../../../core/cli/table.js";
import { quantiles } from "../../bench/figures.js";
import type { Outcome } from "./outcomes.js";

interface Made extends Outcome {
  readonly kind: string;
}

/** What has become of all edits so far. */
export class Results {
  readonly #made: Made[] = [];

  add(kind: string, outcome: Outcome): void {
    this.#made.push({ kind, ...outcome });
  }

  get liveMs(): readonly number[] {
    return this.#made.flatMap(({ liveMs }) => liveMs ?? []);
  }

  /** Edits of one kind. */
  of(kind: string): readonly Made[] {
    return this.#made.filter((made) => made.kind === kind);
  }

  /** A line for each kind: how many, what became of them, and times in ms. */
  get lines(): readonly string[] {
    const kinds = [...new Set(this.#made.map(({ kind }) => kind))].sort();
    const rows = kinds.map((kind) => this.#row(kind, this.of(kind)));
    return tableLines(
      ["EDIT", "COUNT", "RESULT", "LIVE p50/p99 ms", "EFFECT p50/p99 ms"],
      [...rows, this.#row("all", this.#made)],
    );
  }

  #row(kind: string, made: readonly Made[]): readonly string[] {
    const results = [...new Set(made.map(({ result }) => result))].map(
      (result) => `${made.filter((each) => each.result === result).length} ${result}`,
    );
    const times = (of: (made: Made) => number | undefined) => {
      const { count, p50, p99 } = quantiles(made.flatMap((each) => of(each) ?? []));
      return count === 0 ? "" : `${Math.round(p50)} / ${Math.round(p99)}`;
    };
    return [
      kind,
      String(made.length),
      results.join(", "),
      times((each) => each.liveMs),
      times((each) => each.effectMs),
    ];
  }
}

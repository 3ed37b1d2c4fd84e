import { tableLines } from "../../../core/cli/table.js";
import { quantiles } from "../../bench/figures.js";
import type { Outcome } from "./outcomes.js";

interface Made extends Outcome {
  readonly kind: string;
  /** Answers of the policy that nobody touched that were late meanwhile. */
  readonly late: number;
}

/** What has become of all edits so far. */
export class Results {
  readonly #made: Made[] = [];

  add(kind: string, outcome: Outcome, late: number): void {
    this.#made.push({ kind, ...outcome, late });
  }

  get liveMs(): readonly number[] {
    return this.#made.flatMap(({ liveMs }) => liveMs ?? []);
  }

  /** Edits of one kind. */
  of(kind: string): readonly Made[] {
    return this.#made.filter((made) => made.kind === kind);
  }

  /** A line for each kind: how many, what became of them, times, and late answers of the policy that nobody touched. */
  get lines(): readonly string[] {
    const kinds = [...new Set(this.#made.map(({ kind }) => kind))].sort();
    const rows = kinds.map((kind) => this.#row(kind, this.of(kind)));
    return tableLines(
      ["EDIT", "COUNT", "RESULT", "LIVE p50/p99 ms", "EFFECT p50/p99 ms", "LATE"],
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
      String(made.reduce((sum, { late }) => sum + late, 0)),
    ];
  }
}

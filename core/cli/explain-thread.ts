import type {
  ChangeExplanation,
  HoldExplanation,
  PriorityExplanation,
  ThreadExplanation,
} from "../cycle/explain/explanation.js";
import type { HoldState } from "../snapshot/task-columns.js";
import { duration, lasting, reasoned, type Fact } from "./explain-facts.js";
import { printable } from "./terminal.js";

/** A thread's line in the table of its process. */
export function threadRow(thread: ThreadExplanation): readonly string[] {
  const { tid, name, state, cpu, cpuTimeNs, startTimeNs, priority, hold } = thread;
  return [
    String(tid),
    printable(name),
    state,
    String(cpu),
    (cpuTimeNs / 1e9).toFixed(2),
    (startTimeNs / 1e9).toFixed(2),
    String(priority.present),
    priority.presentNice === undefined ? "-" : String(priority.presentNice),
    hold.state === "none" ? "-" : hold.state,
  ];
}

/** Why it is as it is; equal for threads that are so for the same reasons. */
export function threadFacts({ wished, hold, priority }: ThreadExplanation): readonly Fact[] {
  const wishes = wished.flatMap(({ policy, hold: heldBy, nice }) => [
    ...(heldBy === undefined ? [] : [`${policy}: ${reasoned("hold", heldBy.reason)}`]),
    ...(nice === undefined ? [] : [`${policy}: ${reasoned(`nice ${String(nice.value)}`, nice.reason)}`]),
  ]);
  return [
    ["wishes", wishes.length === 0 ? ["none"] : wishes],
    ["hold", holdLines(hold)],
    ["priority", priorityLines(priority)],
  ];
}

const holdTexts: Readonly<Record<HoldState, string>> = {
  none: "it is not held",
  holding: "on its way: the guest has not parked it yet",
  held: "it is held",
  releasing: "off its CPU, and not to run before it is edited again or the guest has made it runnable",
};

function holdLines(hold: HoldExplanation): readonly string[] {
  const { counts, because, rule, wishedForNs, state, heldForNs, foundHeld, change } = hold;
  const counted = counts ? `is to be held${lasting(wishedForNs)}` : "is not to be held";
  const found = foundHeld ? ", at least: it was found held" : "";
  return [
    `${counted}: ${whyText(rule, because)}`,
    `in force: ${holdTexts[state]}${state === "none" ? "" : `${lasting(heldForNs)}${found}`}`,
    ...changeLines(change),
  ];
}

function priorityLines(priority: PriorityExplanation): readonly string[] {
  const { niceCounts, because, rule, wishedForNs, wanted, present, own, changedForNs, change } = priority;
  const counted =
    niceCounts === undefined
      ? "is to have its own"
      : `is to have nice ${String(niceCounts)}, here ${String(wanted)}${lasting(wishedForNs)}`;
  return [
    `${counted}: ${whyText(rule, because)}`,
    present === own
      ? `in force: ${withNice(own, priority.ownNice)}, its own`
      : `in force: ${withNice(present, priority.presentNice)}${lasting(changedForNs)}; its own is ${withNice(own, priority.ownNice)}`,
    ...changeLines(change),
  ];
}

function whyText(rule: string, because: string | undefined): string {
  return reasoned(printable(rule), because);
}

function withNice(priority: number, nice: number | undefined): string {
  return nice === undefined ? String(priority) : `${String(priority)} (nice ${String(nice)})`;
}

/** What the last tick did about the difference. */
function changeLines(change: ChangeExplanation | undefined): readonly string[] {
  if (change === undefined) return [];
  const { kind, wantedForNs, tries, outcome, leftOver } = change;
  const what = kind === "priority" ? "change" : kind;
  if (outcome === "committed" && !leftOver)
    return [`the last tick made the ${what} after ${count(tries, "try", "tries")}: the next scan shows it`];
  const pending = `the ${what} is wanted for ${duration(wantedForNs)}`;
  const tried =
    outcome === undefined
      ? "and was not tried yet"
      : `and was tried in ${count(tries, "tick", "ticks")}; what came of it last: ${outcome}`;
  const left = leftOver
    ? ["the last tick did not come to it: no time was left of the pause, or the domain could not be paused"]
    : [];
  return [`${pending}, ${tried}`, ...left];
}

function count(number: number, one: string, several: string): string {
  return `${String(number)} ${number === 1 ? one : several}`;
}

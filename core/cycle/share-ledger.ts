import { isVmmschedError, messageOf } from "../errors.js";
import type { Domain, DomainShare } from "../hypervisor.js";
import { isEmptyShare, isSameShare, shareFrom, shareMembers, shareOf } from "../share.js";

/** A share that was changed. */
export interface ShareChange {
  readonly from: DomainShare;
  readonly to: DomainShare;
}

/** How it went to give a domain the share that it is to have: what was changed, and why the rest cannot be. */
export interface ShareOutcome {
  readonly change?: ShareChange;
  readonly problem?: string;
}

/** What is known of a share that is ours: what others gave the domain, what we asked for, and what it showed then. */
export interface SetShare {
  readonly own: DomainShare;
  readonly asked: DomainShare;
  /** What it showed before it was asked for. */
  readonly from: DomainShare;
  /** Undefined: nobody has seen yet whether it was set. */
  readonly shown?: DomainShare;
}

const nothingToDo: ShareOutcome = {};
const none: DomainShare = {};

/**
 * The share of one domain: what it has, what we have set, and what it had from others and gets back, each member by itself.
 * What somebody else has set since is its own. It lives as long as the domain does, so that a domain that is started again
 * under the same uuid begins anew.
 */
export class ShareLedger {
  /** As it was last read; undefined where it cannot be read, or is not ours to change. */
  present: DomainShare | undefined;
  /** What others gave it last; what we asked for; and what it then showed, which a coarser scale may have rounded. */
  #own = none;
  #asked = none;
  #shown = none;
  #problem = "it has not been read yet";
  /** Of a scheduler before this one, until it can be compared with what is. */
  #resumed: SetShare | undefined;
  #left: string | undefined;

  constructor(private readonly domain: Pick<Domain, "share" | "setShare" | "readOnly">) {}

  /** What it gets back; undefined while it has it. */
  get own(): DomainShare | undefined {
    if (this.#resumed !== undefined) return this.#resumed.own;
    return isSameShare(this.#own, this.#asked) ? undefined : this.#own;
  }

  /** What is known of a share that is ours; undefined while it has its own. */
  get set(): SetShare | undefined {
    if (this.#resumed !== undefined) return this.#resumed;
    const [own, asked, shown] = [this.own, this.#asked, this.#shown];
    return own === undefined || isUnknown(asked) ? undefined : { own, asked, from: shown, shown };
  }

  /**
   * Takes over what a scheduler before this one has set. Was it about to, anything but what the domain had before is taken for the
   * outcome, or half of it. False where it is to be left alone.
   */
  resume(left: SetShare): boolean {
    if (this.#left !== undefined) return false;
    this.#resumed = left;
    if (this.present !== undefined) this.#compare(this.present);
    return true;
  }

  /** It is never read or changed. */
  leaveAlone(reason: string): void {
    this.#left = reason;
  }

  /** Reads it; not for a pause, a driver may have to read files. Never throws: what goes wrong is told by {@link change}. */
  observe(): void {
    this.#problem = this.#left ?? this.domain.readOnly ?? "";
    this.present = undefined;
    if (this.#problem !== "") return;
    try {
      this.present = this.domain.share();
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
      this.#problem = messageOf(error);
    }
    if (this.present !== undefined) this.#compare(this.present);
  }

  /**
   * Gives it what is wished of what it has, and of the rest its own, if it has something else. Not for a pause. `before` is told of what
   * is about to be set, and may say why it must not be.
   */
  change(
    wished: DomainShare,
    before: (change: SetShare) => string | undefined = () => undefined,
  ): ShareOutcome {
    const [from, asked] = [this.present, this.#asked];
    if (from === undefined) {
      if (this.own === undefined && isEmptyShare(wished)) return nothingToDo;
      return { problem: this.#problem || missing({ ...this.#own, ...wished }, none) };
    }
    const lacks = missing(wished, from);
    const problem = lacks === "" ? nothingToDo : { problem: lacks };
    const to = shareOf(this.#own, wished);
    if (isSameShare(to, asked)) return problem;
    const refusal = before({ own: this.#own, asked: to, from });
    if (refusal !== undefined) return { problem: refusal };
    try {
      this.domain.setShare(to);
      this.#asked = to;
      this.present = this.domain.share();
      this.#shown = this.present ?? none;
      return { change: { from, to: this.present ?? to }, ...problem };
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
      this.#seeWhatIsLeft(from, to);
      return { problem: messageOf(error) };
    }
  }

  /** Half of a change may have been made: that is not what others gave it, and is to be set again. */
  #seeWhatIsLeft(from: DomainShare, to: DomainShare): void {
    try {
      this.present = this.domain.share();
    } catch (error) {
      if (!isVmmschedError(error)) throw error;
      this.present = undefined;
    }
    if (this.present === undefined) {
      // What shows when it can be read again is no word of others.
      this.#resumed = { own: this.#own, asked: to, from };
      return;
    }
    if (isSameShare(this.present, from)) return;
    this.#asked = unknownLike(from);
    this.#shown = this.present;
  }

  /** Whatever is not as we left it, somebody else has set; what is there for the first time, too. */
  #compare(present: DomainShare): void {
    if (this.#resumed !== undefined) this.#takeOver(this.#resumed, present);
    this.#resumed = undefined;
    const [own, asked, shown] = [this.#own, this.#asked, this.#shown];
    const kept = (before: DomainShare) =>
      shareFrom((member) => (present[member] === shown[member] ? before[member] : present[member]));
    this.#own = kept(own);
    this.#asked = kept(asked);
    this.#shown = present;
  }

  #takeOver({ own, asked, from, shown }: SetShare, present: DomainShare): void {
    this.#own = own;
    if (shown !== undefined) [this.#asked, this.#shown] = [asked, shown];
    else if (isSameShare(present, from)) [this.#asked, this.#shown] = [from, from];
    else [this.#asked, this.#shown] = [unknownLike(present), present];
  }
}

/** Differs in each member from whatever is to be set. */
function unknownLike(share: DomainShare): DomainShare {
  return shareFrom((member) => (share[member] === undefined ? undefined : Number.NaN));
}

function isUnknown(share: DomainShare): boolean {
  return shareMembers.some((member) => Number.isNaN(share[member]));
}

/** Why something that is wished cannot be, as the domain does not have it; empty: it has all of it. */
function missing(wished: DomainShare, present: DomainShare): string {
  const lacks = shareFrom((member) => (present[member] === undefined ? wished[member] : undefined));
  return [
    ...(lacks.weight === undefined && lacks.capPercent === undefined
      ? []
      : ["there is no weight and cap of it that could be changed"]),
    ...(lacks.ioBytesPerSecond === undefined
      ? []
      : ["there is no I/O limit of its disks that could be changed"]),
  ].join("; ");
}

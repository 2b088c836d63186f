/** Something that must happen by a time. Set `deadline` at will; the wheel looks at it when its turn comes. */
export interface Timed {
  /** On the wheel's clock, milliseconds; `Infinity`: no deadline. */
  deadline: number;
  /** The turn of the wheel that looks at it next; the wheel's own, -1 when it is on none. */
  turn: number;
  /** The deadline has passed. Called once for each deadline set. */
  expired(): void;
}

/** Milliseconds of one turn: how late a deadline may be noticed. */
const TURN = 100;
const TURNS = 1024;

/**
 * One coarse timer for all deadlines of a process, instead of one for each socket. To move a deadline is to write a
 * number: a thing stays where it is until its turn comes, and is put off then if its deadline has moved. A deadline beyond
 * the wheel's reach (102 s) is looked at once per round.
 */
export class Wheel {
  /** The clock: monotonic milliseconds, as of the last turn. Cheap to read, up to one turn behind. */
  now = performance.now();
  readonly #slots: (Set<Timed> | null)[] = Array.from({ length: TURNS }, () => null);
  #turn = 0;
  readonly #began = this.now;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => this.#advance(), TURN);
    this.#timer.unref();
  }

  /** Sets a deadline, and sees to it that it is noticed. An earlier one than before is noticed in its own time too. */
  set(timed: Timed, milliseconds: number): void {
    const deadline = this.now + milliseconds;
    timed.deadline = deadline;
    if (timed.turn >= 0) {
      if (this.#turnOf(deadline) >= timed.turn) return;
      this.#takeOff(timed);
    }
    this.#place(timed);
  }

  /** Takes a deadline back, and forgets whose it was: the wheel would hold it for as long as the deadline was far. */
  clear(timed: Timed): void {
    timed.deadline = Infinity;
    if (timed.turn >= 0) this.#takeOff(timed);
  }

  /** Stops the clock; nothing expires any more. */
  close(): void {
    clearInterval(this.#timer);
  }

  #turnOf(time: number): number {
    return Math.ceil((time - this.#began) / TURN);
  }

  #place(timed: Timed): void {
    const wanted = Math.max(this.#turn + 1, this.#turnOf(timed.deadline));
    const turn = Math.min(wanted, this.#turn + TURNS - 1);
    timed.turn = turn;
    const slot = turn % TURNS;
    (this.#slots[slot] ??= new Set()).add(timed);
  }

  #takeOff(timed: Timed): void {
    this.#slots[timed.turn % TURNS]?.delete(timed);
    timed.turn = -1;
  }

  #advance(): void {
    this.now = performance.now();
    const until = Math.floor((this.now - this.#began) / TURN);
    // After a long stall every slot is due at most once.
    const last = Math.min(until, this.#turn + TURNS);
    while (this.#turn < last) this.#visit(++this.#turn);
    this.#turn = Math.max(this.#turn, until);
  }

  #visit(turn: number): void {
    const slot = turn % TURNS;
    const due = this.#slots[slot];
    if (due === null || due === undefined) return;
    this.#slots[slot] = null;
    for (const timed of due) {
      if (timed.turn !== turn) continue; // cleared, or placed anew, by one before it
      timed.turn = -1;
      if (timed.deadline === Infinity) continue;
      if (timed.deadline <= this.now) {
        timed.deadline = Infinity;
        timed.expired();
      } else this.#place(timed);
    }
  }
}

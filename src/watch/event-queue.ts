// Events from where they happen to whoever reads them, at their own pace.

/** So many wait for one reader; of more the oldest are lost, and the reader is told how many. */
const longest = 4096;

/** EventQueue is one reader's. */
export class EventQueue<Event> implements AsyncIterableIterator<Event> {
  readonly #gap: (lost: number) => Event;
  readonly #onEnd: () => void;
  readonly #waiting: Event[] = [];
  #lost = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  /** `gap` makes the event that stands where others were lost; `onEnd` is called once, when the reader goes or the queue ends. */
  constructor(gap: (lost: number) => Event, onEnd: () => void) {
    this.#gap = gap;
    this.#onEnd = onEnd;
  }

  push(event: Event): void {
    if (this.#ended) return;
    this.#waiting.push(event);
    if (this.#waiting.length > longest) {
      this.#waiting.shift();
      this.#lost++;
    }
    this.#wake?.();
  }

  /** end lets the reader read what is left, and then finish. Idempotent. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd();
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<Event>> {
    while (this.#waiting.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#lost > 0) {
      const value = this.#gap(this.#lost);
      this.#lost = 0;
      return { done: false, value };
    }
    const value = this.#waiting.shift();
    return value === undefined ? { done: true, value: undefined } : { done: false, value };
  }

  async return(): Promise<IteratorResult<Event>> {
    this.#waiting.length = 0;
    this.end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

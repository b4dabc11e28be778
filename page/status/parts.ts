// The live stream as the page knows it: the newest value of each part, and whether they still come.

/** Link is how it stands with the stream; `staleMs` is how long nothing came. */
export interface Link {
  readonly state: "live" | "connecting" | "lost";
  readonly staleMs: number;
}

interface Message {
  readonly parts: Readonly<Record<string, unknown>>;
  readonly gone: readonly string[];
}

/** After this without a word what is shown is called old. ms */
const patienceMs = 4000;
/** A stream that was refused is asked for again after this; one that broke, the browser asks for itself. ms */
const againMs = 3000;

/** Parts follows the stream for as long as the page is open. */
export class Parts {
  readonly #values = new Map<string, unknown>();
  readonly #onChange: () => void;
  readonly #onLink: (link: Link) => void;
  #heardMs = 0;
  #state: Link["state"] = "connecting";

  /** `onChange` is called after each message, `onLink` at least once a second. */
  constructor(onChange: () => void, onLink: (link: Link) => void) {
    this.#onChange = onChange;
    this.#onLink = onLink;
    setInterval(() => this.#tellLink(), 1000);
    this.#connect();
  }

  get<Value>(name: string): Value | undefined {
    return this.#values.get(name) as Value | undefined;
  }

  /** all gives the parts whose names begin with `kind` and a blank, in the order in which they came. */
  all<Value>(kind: string): [name: string, value: Value][] {
    return [...this.#values].filter(([name]) => name.startsWith(`${kind} `)) as [string, Value][];
  }

  #connect() {
    const source = new EventSource("live");
    source.addEventListener("snapshot", ({ data }) => {
      this.#values.clear();
      this.#take(data);
    });
    source.addEventListener("delta", ({ data }) => this.#take(data));
    source.addEventListener("error", () => {
      this.#state = "lost";
      this.#tellLink();
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.#connect(), againMs);
    });
  }

  #take(data: string) {
    const { parts, gone } = JSON.parse(data) as Message;
    for (const [name, value] of Object.entries(parts)) this.#values.set(name, value);
    for (const name of gone) this.#values.delete(name);
    this.#heardMs = performance.now();
    this.#state = "live";
    this.#onChange();
    this.#tellLink();
  }

  #tellLink() {
    const staleMs = performance.now() - this.#heardMs;
    const silent = this.#state === "live" && staleMs > patienceMs;
    this.#onLink({ state: silent ? "lost" : this.#state, staleMs });
  }
}

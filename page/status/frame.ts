// What every status page has: its head, whether it is live, and the answer to what one wants to know first.
import { formatDuration } from "../../src/units.js";
import { element, mark, say } from "./dom.js";
import type { Link } from "./parts.js";

/** Tone is how bad something is. */
export type Tone = "good" | "open" | "bad";

/** Verdict is the page in a few words. */
export interface Verdict {
  readonly tone: Tone;
  readonly label: string;
  readonly figure: string;
  readonly sentences: readonly string[];
}

/** Frame is the top of the page. */
export class Frame {
  readonly element: HTMLElement;
  readonly #title = element("h1");
  readonly #facts = element("p", { class: "quiet" });
  readonly #link = element("p", { class: "link", role: "status", id: "link" });
  readonly #label = element("p");
  readonly #figure = element("p", { class: "figure", id: "verdict" });
  readonly #sentences = element("div");
  readonly #card: HTMLElement;

  constructor() {
    const head = element("header", {}, element("div", {}, this.#title, this.#facts), this.#link);
    this.#card = element("section", { class: "card answer", "aria-label": "Verdict", "aria-live": "polite" });
    this.#card.append(this.#label, this.#figure, this.#sentences);
    this.element = element("div", {}, head, this.#card);
  }

  show(name: string, facts: string, { tone, label, figure, sentences }: Verdict): void {
    say(this.#title, name);
    say(this.#facts, facts);
    mark(this.#card, "class", `card answer ${tone}`);
    say(this.#label, label);
    say(this.#figure, figure);
    const told = sentences.join("\n");
    if (this.#sentences.dataset["told"] !== told) {
      this.#sentences.dataset["told"] = told;
      this.#sentences.replaceChildren(...sentences.map((sentence) => element("p", {}, sentence)));
    }
    // Tabs are narrow: what matters comes first.
    document.title = `${figure} · ${name}`;
  }

  showLink({ state, staleMs }: Link): void {
    const old = staleMs > 0 ? `, what is shown is ${formatDuration(Math.round(staleMs / 1000) * 1e9)} old` : "";
    const texts = { live: "live", connecting: "connecting …", lost: `not connected${old}` };
    mark(this.#link, "data-state", state);
    say(this.#link, texts[state]);
    mark(document.body, "data-stale", state === "lost" ? "" : undefined);
  }
}

// The timeline: what happened, the newest first.
import type { PageEvent } from "../../src/live/timeline.js";
import { element, List, mark, type Row, say, show } from "./dom.js";

/** Timeline shows events that a word and a level choose. */
export class Timeline {
  readonly element: HTMLElement;
  readonly #list: List<PageEvent>;
  readonly #none = element("p", { class: "quiet" }, "Nothing has happened that is to be shown here.");
  readonly #word = element("input", { type: "search", "aria-label": "Only events with this text" });
  readonly #grave = element("input", { type: "checkbox", id: "grave" });
  #events: readonly PageEvent[] = [];

  constructor() {
    const list = element("ol", {
      class: "events",
      id: "events",
      tabindex: "0",
      "aria-label": "Events, the newest first",
    });
    this.#list = new List(list, eventRow);
    this.#word.placeholder = "filter";
    for (const input of [this.#word, this.#grave]) input.addEventListener("input", () => this.#choose());
    const label = element("label", { for: "grave" }, this.#grave, " warnings and errors only");
    const tools = element("div", { class: "tools" }, this.#word, label);
    const card = element("div", { class: "card" }, tools, list, this.#none);
    this.element = element("section", {}, element("h2", {}, "What happened"), card);
  }

  /** show shows these, given in any order. */
  show(events: readonly PageEvent[]): void {
    this.#events = events.toSorted((a, b) => b.seq - a.seq);
    this.#choose();
  }

  #choose() {
    const word = this.#word.value.trim().toLowerCase();
    const chosen = this.#events.filter(
      ({ level, message, kind, subjects }) =>
        (!this.#grave.checked || level !== "info") &&
        (word === "" || [message, kind, ...subjects].some((text) => text.toLowerCase().includes(word))),
    );
    this.#list.show(chosen.map((event) => [String(event.seq), event]));
    show(this.#none, chosen.length === 0);
  }
}

/** eventRow shows one event; it never changes. */
export function eventRow({ atMs, level, kind, message }: PageEvent): Row<PageEvent> {
  const when = element("time", { datetime: new Date(atMs).toISOString() });
  say(when, clock(atMs));
  const row = element(
    "li",
    {},
    when,
    " ",
    element("span", { class: "level" }, level),
    " ",
    element("span", {}, message),
  );
  mark(row, "data-level", level);
  mark(row, "data-kind", kind);
  return { element: row, update: () => {} };
}

/** clock writes a moment of today as `13:04:05.678`, one of another day with its date; local time. */
function clock(atMs: number): string {
  const at = new Date(atMs);
  const two = (value: number) => String(value).padStart(2, "0");
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const ms = String(at.getMilliseconds()).padStart(3, "0");
  const today = at.toDateString() === new Date().toDateString();
  return `${today ? "" : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} `}${time}.${ms}`;
}

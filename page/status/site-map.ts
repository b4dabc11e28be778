// The map of sites: which site answers how many targets, each as large as its share. No geography: names are all that is known.
import { count, percent } from "../../src/load/figure.js";
import type { PageSites } from "../../src/watch/page.js";
import { element, List, mark, type Row, say, show } from "./dom.js";

interface Site {
  readonly name: string;
  readonly targets: number;
  readonly share: number;
  readonly chosen: boolean;
}

/** SiteMap lets one site be chosen. */
export class SiteMap {
  readonly element: HTMLElement;
  readonly #list: List<Site>;
  readonly #more = element("p", { class: "quiet" });
  readonly #none = element("p", { class: "quiet" }, "No answer has named its site yet.");
  readonly #onChoose: (site: string | undefined) => void;
  #chosen: string | undefined;

  constructor(onChoose: (site: string | undefined) => void) {
    this.#onChoose = onChoose;
    const list = element("ul", { class: "sites", id: "sites" });
    this.#list = new List(list, (site) => this.#row(site));
    const hint = element(
      "p",
      { class: "quiet hint" },
      "Who answers how many targets. Choose a site to see its targets.",
    );
    const card = element("div", { class: "card" }, list, this.#more, this.#none);
    this.element = element("section", {}, element("h2", {}, "Sites"), hint, card);
  }

  show({ largest, more }: PageSites, targets: number): void {
    this.#list.show(
      largest.map(([name, answered]) => [
        name,
        { name, targets: answered, share: answered / Math.max(1, targets), chosen: name === this.#chosen },
      ]),
    );
    show(this.#none, largest.length === 0);
    show(this.#more, more > 0);
    say(this.#more, `and ${count(more)} smaller sites`);
  }

  #row({ name }: Site): Row<Site> {
    const told = element("span", { class: "quiet" });
    const button = element("button", { type: "button" }, element("b", { class: "site-name" }, name), told);
    const item = element("li", {}, button);
    button.addEventListener("click", () => {
      this.#chosen = this.#chosen === name ? undefined : name;
      this.#onChoose(this.#chosen);
      for (const other of item.parentElement!.querySelectorAll("button"))
        mark(other, "aria-pressed", String(other === button && this.#chosen === name));
    });
    return {
      element: item,
      update: ({ targets, share, chosen }) => {
        say(told, `${count(targets)} · ${percent(share)}`);
        mark(button, "aria-pressed", String(chosen));
        item.style.flexGrow = String(Math.max(0.02, share).toFixed(3));
      },
    };
  }
}

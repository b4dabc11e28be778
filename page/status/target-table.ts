// The targets: the worst as they come, and any others a page at a time, as they stand when they are asked for.
import { count, latency, percent } from "../../src/load/figure.js";
import type { PageTarget, PageTargets } from "../../src/watch/page.js";
import { cells, element, List, type Row, say, show, table } from "./dom.js";
import { Spark } from "./spark.js";

const perPage = 20;
/** What was asked for is asked for again after this. ms */
const againMs = 5000;
/** Somebody who types is waited for. ms */
const pauseMs = 250;
const stateTones: Readonly<Record<PageTarget["state"], string>> = { up: "good", down: "bad", unknown: "open" };

/** TargetTable shows the worst while nothing else is asked for. */
export class TargetTable {
  readonly element: HTMLElement;
  readonly #list: List<PageTarget>;
  readonly #order = element("select", { "aria-label": "Which targets" });
  readonly #text = element("input", { type: "search", "aria-label": "Only targets or sites with this text" });
  readonly #back = element("button", { type: "button", class: "button" }, "Previous");
  readonly #on = element("button", { type: "button", class: "button" }, "Next");
  readonly #where = element("span", { class: "quiet", role: "status" });
  #worst: readonly PageTarget[] = [];
  #targets = 0;
  #site: string | undefined;
  #from = 0;
  #timer = 0;
  #asked = 0;

  constructor() {
    for (const [value, name] of [
      ["worst", "the worst first"],
      ["all", "all, in their order"],
      ["down", "those that are down"],
    ] as const)
      this.#order.append(element("option", { value }, name));
    this.#text.placeholder = "address or site";
    this.#order.addEventListener("change", () => this.#begin());
    this.#text.addEventListener("input", () => this.#begin(pauseMs));
    this.#back.addEventListener("click", () => this.#turn(-perPage));
    this.#on.addEventListener("click", () => this.#turn(perPage));
    const heads = ["Target", "State", "Lost", "p50", "p99", "Site", "Newest round trips"];
    const { box, body } = table("Targets", heads, "Site");
    this.#list = new List(body, targetRow);
    const tools = element("div", { class: "tools" }, this.#order, this.#text, this.#back, this.#on, this.#where);
    const card = element("div", { class: "card targets" }, tools, box);
    this.element = element("section", { id: "targets" }, element("h2", {}, "Targets"), card);
  }

  /** show takes on the worst targets, and how many there are in all. */
  show(worst: readonly PageTarget[], targets: number): void {
    this.#worst = worst;
    this.#targets = targets;
    if (this.#live) this.#showWorst();
  }

  /** choose shows the targets of one site; undefined: of all. */
  choose(site: string | undefined): void {
    this.#site = site;
    if (site !== undefined && this.#order.value === "worst") this.#order.value = "all";
    if (site === undefined && this.#order.value === "all") this.#order.value = "worst";
    this.#begin();
  }

  get #live(): boolean {
    return this.#order.value === "worst" && this.#text.value === "" && this.#site === undefined;
  }

  #begin(afterMs = 0) {
    this.#from = 0;
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#next(), afterMs);
  }

  #turn(by: number) {
    this.#from = Math.max(0, this.#from + by);
    this.#next();
  }

  #next() {
    clearTimeout(this.#timer);
    // An answer to an earlier question comes too late.
    const asked = ++this.#asked;
    if (this.#live) return this.#showWorst();
    void this.#ask(asked);
  }

  #showWorst() {
    this.#fill(this.#worst.slice(this.#from, this.#from + perPage), this.#worst.length);
    const of = `of the ${count(this.#worst.length)} worst; ${count(this.#targets)} in all`;
    say(this.#where, `${count(this.#from + 1)}–${count(Math.min(this.#from + perPage, this.#worst.length))} ${of}`);
  }

  async #ask(asked: number) {
    const query = new URLSearchParams({ from: String(this.#from), count: String(perPage) });
    if (this.#text.value !== "") query.set("text", this.#text.value.trim());
    if (this.#site !== undefined) query.set("site", this.#site);
    if (this.#order.value === "down") query.set("state", "down");
    try {
      const answer = await fetch(`targets?${query}`);
      if (!answer.ok) throw new Error(await answer.text());
      const { targets, found } = (await answer.json()) as PageTargets;
      if (asked !== this.#asked) return;
      this.#fill(targets, found);
      const last = this.#from + targets.length;
      const of = this.#site === undefined ? "" : ` at ${this.#site}`;
      say(this.#where, found === 0 ? `none${of}` : `${count(this.#from + 1)}–${count(last)} of ${count(found)}${of}`);
    } catch (error) {
      if (asked !== this.#asked) return;
      say(this.#where, `could not be read: ${(error as Error).message}`);
    }
    this.#timer = window.setTimeout(() => this.#next(), againMs);
  }

  #fill(targets: readonly PageTarget[], found: number) {
    this.#list.show(targets.map((target) => [String(target.index), target]));
    this.#back.disabled = this.#from === 0;
    this.#on.disabled = this.#from + perPage >= found;
    show(this.#back, found > perPage);
    show(this.#on, found > perPage);
  }
}

function targetRow(): Row<PageTarget> {
  const row = element("tr");
  const spark = new Spark();
  cells(
    row,
    Array.from({ length: 7 }, () => [""] as const),
  );
  row.children[6]!.append(spark.element);
  return {
    element: row,
    update: ({ target, state, loss, p50Ns, p99Ns, site, siteSource, recent }) => {
      row.dataset["target"] = target;
      row.dataset["state"] = state;
      cells(row, [
        [target],
        [state, `state ${stateTones[state]}`],
        [loss === null ? "–" : percent(loss)],
        [latency(p50Ns)],
        [latency(p99Ns)],
        [site === null ? "–" : siteSource === "nsid" ? site : `${site} (${siteSource})`, "words"],
      ]);
      spark.show(recent);
    },
  };
}

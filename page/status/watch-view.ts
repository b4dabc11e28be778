// The page of `anyprobe watch`: all targets together, the sites that answer, and the targets, the worst first.

import type { PageEvent } from "../../src/live/timeline.js";
import { count, percent } from "../../src/load/figure.js";
import { formatDuration } from "../../src/units.js";
import type { PageSites, PageTarget, PageTotal, WatchHead } from "../../src/watch/page.js";
import { element, List, say } from "./dom.js";
import { Frame, type Verdict } from "./frame.js";
import { LatencyView } from "./latency.js";
import type { Link, Parts } from "./parts.js";
import { SiteMap } from "./site-map.js";
import { TargetTable } from "./target-table.js";
import { Timeline } from "./timeline.js";

/** WatchView shows the parts of a watch. */
export class WatchView {
  readonly #frame = new Frame();
  readonly #tiles: List<Tile>;
  readonly #targets = new TargetTable();
  readonly #sites = new SiteMap((site) => this.#targets.choose(site));
  readonly #latency = new LatencyView();
  readonly #timeline = new Timeline();
  #before: WatchHead | undefined;
  #rate = "–";

  constructor(page: HTMLElement) {
    const tiles = element("ul", { class: "tiles", "aria-label": "All targets" });
    this.#tiles = new List(tiles, tileRow);
    page.replaceChildren(
      this.#frame.element,
      tiles,
      this.#sites.element,
      this.#targets.element,
      this.#latency.element,
      this.#timeline.element,
    );
  }

  show(parts: Parts): void {
    const head = parts.get<WatchHead>("head")!;
    const { bins, spread } = parts.get<PageTotal>("total")!;
    const up = formatDuration(Math.max(0, head.atMs - head.startedMs) * 1e6);
    const facts = `version ${head.version}, ${count(head.targets)} targets, up ${up}`;
    this.#frame.show(`anyprobe watch on ${head.host}`, facts, verdictOf(head));
    this.#tiles.show(this.#tilesOf(head).map((tile) => [tile.label, tile]));
    this.#sites.show(parts.get<PageSites>("sites")!, head.targets);
    const worst = parts.get<readonly number[]>("worst")!;
    this.#targets.show(
      worst.flatMap((index) => parts.get<PageTarget>(`target ${index}`) ?? []),
      head.targets,
    );
    this.#latency.show([{ name: "all targets", bins, spread, moments: [] }]);
    this.#timeline.show(parts.all<PageEvent>("event").map(([, event]) => event));
  }

  showLink(link: Link): void {
    this.#frame.showLink(link);
  }

  #tilesOf(head: WatchHead): Tile[] {
    const before = this.#before;
    // Of two moments that are too near, one batch of answers more or less would be told as a rate.
    if (before && head.atMs - before.atMs >= 900)
      this.#rate = count((1000 * (head.ended - before.ended)) / (head.atMs - before.atMs));
    if (!before || head.atMs - before.atMs >= 900) this.#before = head;
    return [
      { label: "up", figure: count(head.up), below: percent(head.targets === 0 ? 0 : head.up / head.targets) },
      { label: "down", figure: count(head.down), below: "", bad: head.down > 0 },
      { label: "not known yet", figure: count(head.unknown), below: "" },
      { label: "probes", figure: this.#rate, below: "a second" },
      { label: "lost", figure: head.loss === null ? "–" : percent(head.loss), below: `of ${count(head.ended)}` },
      { label: "answered wrong", figure: count(head.wrong), below: `${count(head.voided)} void` },
    ];
  }
}

function verdictOf({ targets, up, down }: WatchHead): Verdict {
  const all = { label: `${count(targets)} targets`, sentences: [] };
  if (down > 0) return { ...all, tone: "bad", figure: `${count(down)} down` };
  return { ...all, tone: up === targets ? "good" : "open", figure: `${count(up)} up` };
}

interface Tile {
  readonly label: string;
  readonly figure: string;
  readonly below: string;
  readonly bad?: boolean;
}

function tileRow({ label }: Tile) {
  const figure = element("b");
  const below = element("span", { class: "quiet" });
  const tile = element("li", { class: "card" }, element("span", { class: "quiet" }, label), figure, below);
  return {
    element: tile,
    update: (next: Tile) => {
      say(figure, next.figure);
      say(below, next.below);
      tile.classList.toggle("bad", next.bad === true);
    },
  };
}

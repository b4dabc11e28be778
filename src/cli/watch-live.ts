// The live view of `anyprobe watch` on a terminal: the table in the alternate screen once a second, until q, Ctrl-C or the end;
// then the terminal is as it was, with a summary in it.
import type { Watch, WatchEvent } from "../index.js";
import { monotonicNs, nsPerSecond } from "../units.js";
import { coloured } from "./coloured.js";
import { frame } from "./status-watch.js";
import type { Asked } from "./watch-run.js";
import { renderEnd, renderTable, type Scene, targetRows } from "./watch-table.js";

const everyMs = 1000;
const eventCount = 4;
const worstAtEnd = 10;
const [enter, leave] = ["\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"];
const ctrlC = "\x03";

/** showLive draws until the watch ends; `end` ends it. */
export async function showLive(watched: Watch, asked: Asked, end: () => void): Promise<void> {
  const view = new View(watched, asked);
  const keys = new Keys((key) => {
    if (key === "q" || key === ctrlC) end();
  });
  const out = process.stdout;
  const restore = () => out.write(leave);
  const draw = () => out.write(view.frame());
  out.write(enter);
  // Whatever ends the process, the terminal is given back.
  process.on("exit", restore);
  const timer = setInterval(draw, everyMs);
  out.on("resize", draw);
  draw();
  try {
    for await (const event of watched) view.take(event);
  } finally {
    clearInterval(timer);
    out.off("resize", draw);
    keys.close();
    process.off("exit", restore);
    restore();
  }
  out.write(renderEnd(view.scene(worstAtEnd), coloured()));
}

/** View keeps what a scene needs beside the watch. */
class View {
  readonly #watched: Watch;
  readonly #asked: Asked;
  readonly #events: WatchEvent[] = [];
  readonly #startNs = monotonicNs();
  #lastNs = this.#startNs;
  #lastEnded = 0;
  #perSecond = 0;

  constructor(watched: Watch, asked: Asked) {
    this.#watched = watched;
    this.#asked = asked;
  }

  take(event: WatchEvent): void {
    // The first site of each target is no news.
    if (event.kind === "site" && event.before === undefined) return;
    this.#events.push(event);
    if (this.#events.length > eventCount) this.#events.shift();
  }

  frame(): string {
    const { rows = 24, columns = 80 } = process.stdout;
    const size = { rows, columns };
    const scene = this.scene(targetRows(size, this.#events.length));
    return frame(renderTable(scene, size, coloured()), rows);
  }

  scene(worst: number): Scene {
    const totals = this.#watched.totals();
    const nowNs = monotonicNs();
    const spanNs = nowNs - this.#lastNs;
    // A screen that is resized is drawn again at once: a rate is told of a second at least.
    if (spanNs > 0.9 * nsPerSecond) {
      this.#perSecond = ((totals.ended - this.#lastEnded) * nsPerSecond) / spanNs;
      this.#lastNs = nowNs;
      this.#lastEnded = totals.ended;
    }
    return {
      asked: this.#asked,
      totals,
      latency: this.#watched.histogram().summary(),
      perSecond: this.#perSecond,
      ranNs: nowNs - this.#startNs,
      worst: this.#watched.worst(worst),
      events: this.#events,
    };
  }
}

/** Keys reads single keys, where stdin is a terminal. */
class Keys {
  readonly #onKey: (key: string) => void;
  readonly #read = (data: Buffer) => {
    for (const key of data.toString("latin1")) this.#onKey(key);
  };
  readonly #live = process.stdin.isTTY === true;

  constructor(onKey: (key: string) => void) {
    this.#onKey = onKey;
    if (this.#live) process.stdin.setRawMode(true).on("data", this.#read).resume();
  }

  close(): void {
    if (this.#live) process.stdin.off("data", this.#read).setRawMode(false).pause();
  }
}

// What a load test shows while it runs: on a terminal one line that is written over, with a line for each trial above it; in a
// pipe a plain line every few seconds.
import { clearLine, cursorTo } from "node:readline";
import { styleText } from "node:util";
import { latency, lossOf, missText, plain, verdictOf } from "../load/figure.js";
import type { LoadRecord, ProgressRecord, StartRecord, TrialRecord } from "../load/record.js";
import { formatDuration, monotonicNs, nsPerSecond } from "../units.js";

type Terminal = NodeJS.WriteStream;
type Colour = "green" | "red" | "yellow" | "dim";

/** Progress shows the records of one run. */
export class Progress {
  readonly #out: Terminal;
  readonly #everyNs: number;
  readonly #colours: boolean;
  #shownNs = Number.NEGATIVE_INFINITY;
  #judged = false;

  /** In a pipe there is a line every so many seconds. */
  constructor(out: Terminal, everySeconds: number) {
    this.#out = out;
    this.#everyNs = everySeconds * nsPerSecond;
    this.#colours = out.isTTY === true && !process.env["NO_COLOR"];
  }

  /** say shows a step that has no records. */
  say(text: string): void {
    if (this.#out.isTTY) this.#rewrite(text);
    else this.#out.write(`${text}\n`);
  }

  show(record: LoadRecord): void {
    if (record.type === "start") this.#start(record);
    else if (record.type === "progress") this.#progress(record);
    else if (record.type === "trial") this.#trial(record);
    else this.end();
  }

  /** end leaves the terminal as it was. */
  end(): void {
    if (this.#out.isTTY) this.#rewrite("");
  }

  #start({ mode, target, queries, objective, ceiling }: StartRecord) {
    this.#judged = objective.length > 0;
    const at = `${target.address} port ${target.port}`;
    const what = mode === "search" ? `searching the highest rate that holds ${objective.join(", ")}` : mode;
    this.#line(`${at}: ${what}; ${plain(queries)}`);
    if (ceiling) this.#line(`this host offers ${perSecond(ceiling.qps)} at most`);
  }

  #progress({ trial, offered_qps, sent_qps, lost, p50_ns, p99_ns, left_seconds }: ProgressRecord) {
    const now = monotonicNs();
    if (!this.#out.isTTY && now - this.#shownNs < this.#everyNs) return;
    this.#shownNs = now;
    const left = left_seconds === null ? "" : `  ${formatDuration(left_seconds * nsPerSecond)} left, about`;
    const rate = offered_qps > 0 ? `${perSecond(offered_qps)}  ` : "";
    const loss = `lost ${percentOf(lost / Math.max(1, sent_qps))}`;
    const text = `trial ${trial}  ${rate}sent ${perSecond(sent_qps)}  ${loss}  p50 ${latency(p50_ns)}  p99 ${latency(p99_ns)}${left}`;
    if (this.#out.isTTY) this.#rewrite(text);
    else this.#out.write(`${text}\n`);
  }

  #trial(trial: TrialRecord) {
    this.#shownNs = monotonicNs();
    const verdict = verdictOf(trial, this.#judged);
    const why = {
      held: "held",
      missed: `missed ${trial.misses.map(missText).join(", ")}`,
      limited: `limited by the generator: ${trial.limited_by_generator}`,
      measured: "",
    }[verdict];
    const colour = ({ held: "green", missed: "red", limited: "yellow", measured: "dim" } as const)[verdict];
    const {
      latency: { p50_ns, p99_ns },
    } = trial;
    const figures = `p50 ${latency(p50_ns)}  p99 ${latency(p99_ns)}  lost ${percentOf(lossOf(trial))}  n=${trial.sent.toLocaleString("en")}`;
    this.#line(`trial ${trial.trial}  ${perSecond(trial.offered_qps)}  ${figures}  ${this.#paint(colour, why)}`);
    for (const note of trial.notes) this.#line(`  ${this.#paint("yellow", note)}`);
  }

  #line(text: string) {
    if (this.#out.isTTY) this.#rewrite("");
    this.#out.write(`${text}\n`);
  }

  #rewrite(text: string) {
    cursorTo(this.#out, 0);
    clearLine(this.#out, 0);
    // A line that wraps could not be written over.
    this.#out.write(text.slice(0, (this.#out.columns ?? 80) - 1));
  }

  #paint(colour: Colour, text: string): string {
    return this.#colours ? styleText(colour, text) : text;
  }
}

function perSecond(qps: number): string {
  return `${Math.round(qps).toLocaleString("en")}/s`;
}

function percentOf(share: number): string {
  return Number.isNaN(share) ? "–" : `${(100 * share).toFixed(share > 0 && share < 0.001 ? 4 : 2)} %`;
}

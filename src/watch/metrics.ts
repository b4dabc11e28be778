// A watch in Prometheus's text format: all targets together, and each by itself. Of each there are a dozen samples, so that
// everything here is made line by line, and only while somebody reads it.
import type { Counters } from "../engine/engine.js";
import { cumulate, durationBoundsNs, histogramLines } from "../metrics/duration.js";
import { Collection, describe, escapeLabel, expose, type Family, numberOf } from "../metrics/exposition.js";
import { collectProcess } from "../metrics/process.js";
import { rcodeWord } from "../probe/dns-word.js";
import { formatTarget, type Target } from "../probe/target.js";
import { nsPerSecond } from "../units.js";
import { noSite, type Sites } from "./sites.js";
import { kinds, states, type Tally } from "./tally.js";
import type { WatchTotals } from "./watch-report.js";

/** MetricsOptions is how much is told of each target. */
export interface MetricsOptions {
  /** A full histogram of each target instead of its quantiles: 20 samples instead of 5; default false. */
  readonly histograms?: boolean;
  /** In anyprobe_build_info; default none. */
  readonly version?: string;
}

/** watchMetrics are those of a watch. */
export const watchMetrics = {
  targets: describe("gauge", "anyprobe_watch_targets", ["state"], "Targets by state: up, down, or unknown."),
  probes: describe(
    "counter",
    "anyprobe_watch_probes_total",
    ["result"],
    "Probes of all targets, by what came of them.",
  ),
  duration: describe("histogram", "anyprobe_watch_probe_duration_seconds", [], "Round trips of all targets."),
  sites: describe(
    "gauge",
    "anyprobe_watch_site_targets",
    ["site"],
    "Targets that a site answers; the 100 largest sites.",
  ),
  changes: describe(
    "counter",
    "anyprobe_watch_changes_total",
    ["kind"],
    "Targets that came up, went down, or changed site.",
  ),
  targetUp: describe("gauge", "anyprobe_target_up", ["target"], "1: up, 0: down; not there while that is unknown."),
  targetProbes: describe(
    "counter",
    "anyprobe_target_probes_total",
    ["target", "result"],
    "Probes by what came of them; wrong, unreachable and void only where there are any.",
  ),
  targetRcodes: describe("counter", "anyprobe_target_answers_total", ["target", "rcode"], "Answers by rcode."),
  targetRtt: describe("summary", "anyprobe_target_rtt_seconds", ["target"], "Round trips since the watch began."),
  targetDuration: describe(
    "histogram",
    "anyprobe_target_duration_seconds",
    ["target"],
    "Round trips; in the place of anyprobe_target_rtt_seconds with --metrics-histograms.",
  ),
  targetSite: describe(
    "gauge",
    "anyprobe_target_site_info",
    ["target", "site", "source"],
    "1, with the site that answers and where its name was read.",
  ),
};

const percentiles = [50, 90, 99];
const mostSites = 100;
/** Two results are always there, so that a rate of the others is a share of something. */
const always = 2;
const results = [
  "pass",
  "timeout",
  "wrong",
  "unreachable",
  "void",
] as const satisfies readonly (typeof kinds)[number][];

/** WatchView is what a watch knows. */
export interface WatchView {
  readonly targets: readonly Target[];
  readonly tally: Tally;
  readonly sites: Sites;
  readonly totals: () => WatchTotals;
  readonly counters: () => Counters;
}

/** WatchMetrics tells a watch's metrics as often as it is asked. */
export class WatchMetrics {
  readonly #view: WatchView;
  readonly #changes = { up: 0, down: 0, site: 0 };
  /** Of each target, `target="192.0.2.1:53`, as far as they were needed. */
  readonly #labels: string[] = [];
  readonly #seen = new Map<string, number>();

  constructor(view: WatchView) {
    this.#view = view;
  }

  /** note counts a change. */
  note(kind: "up" | "down" | "site"): void {
    this.#changes[kind]++;
  }

  /** expose writes them, in slices of some ms' work. */
  expose({ histograms = false, version = "" }: MetricsOptions = {}): AsyncGenerator<string> {
    return expose(this.#families(histograms, version));
  }

  *#families(histograms: boolean, version: string): Generator<Family> {
    const together = new Collection();
    collectProcess(together, version, this.#view.counters());
    yield* together.families();
    yield* this.#totals();
    yield { metric: watchMetrics.duration, samples: this.#duration() };
    yield { metric: watchMetrics.targetUp, samples: this.#ups() };
    yield { metric: watchMetrics.targetProbes, samples: this.#probes() };
    yield { metric: watchMetrics.targetRcodes, samples: this.#rcodes() };
    if (histograms) yield { metric: watchMetrics.targetDuration, samples: this.#durations() };
    else yield { metric: watchMetrics.targetRtt, samples: this.#rtts() };
    yield { metric: watchMetrics.targetSite, samples: this.#siteInfos() };
  }

  #totals(): Family[] {
    const to = new Collection();
    const { tally, totals } = this.#view;
    const all = totals();
    for (const state of states) to.add(watchMetrics.targets, [state], all[state]);
    for (const kind of kinds) to.add(watchMetrics.probes, [kind], tally.total(kind));
    for (const [kind, count] of Object.entries(this.#changes)) to.add(watchMetrics.changes, [kind], count);
    for (const [site, targets] of Object.entries(all.sites).slice(0, mostSites))
      to.add(watchMetrics.sites, [site], targets);
    return to.families();
  }

  *#duration(): Generator<string> {
    yield histogramLines(watchMetrics.duration.name, "", cumulate([this.#view.tally.latency.total()]));
  }

  *#ups(): Generator<string> {
    const { tally } = this.#view;
    for (let index = 0; index < tally.targets; index++) {
      const state = tally.state(index);
      if (state === "unknown") continue;
      yield `${watchMetrics.targetUp.name}{${this.#label(index)}} ${state === "up" ? 1 : 0}\n`;
    }
  }

  *#probes(): Generator<string> {
    const { tally } = this.#view;
    const { name } = watchMetrics.targetProbes;
    for (let index = 0; index < tally.targets; index++) {
      const before = `${name}{${this.#label(index)},result="`;
      let lines = "";
      for (let i = 0; i < results.length; i++) {
        const count = tally.count(index, results[i]!);
        if (count > 0 || i < always) lines += `${before}${results[i]}"} ${count}\n`;
      }
      yield lines;
    }
  }

  *#rcodes(): Generator<string> {
    const { tally } = this.#view;
    const { name } = watchMetrics.targetRcodes;
    for (let index = 0; index < tally.targets; index++)
      for (const [rcode, count] of tally.rcodes(index))
        yield `${name}{${this.#label(index)},rcode="${rcodeWord(rcode)}"} ${count}\n`;
  }

  *#rtts(): Generator<string> {
    const { latency } = this.#view.tally;
    const { name } = watchMetrics.targetRtt;
    const into = new Float64Array(percentiles.length);
    for (let index = 0; index < latency.targets; index++) {
      const label = this.#label(index);
      const count = latency.percentilesNs(index, percentiles, into);
      if (count === 0) continue;
      let lines = "";
      for (let i = 0; i < percentiles.length; i++)
        lines += `${name}{${label},quantile="${percentiles[i]! / 100}"} ${into[i]! / nsPerSecond}\n`;
      const sum = numberOf(latency.cumulate(index, [], none) / nsPerSecond);
      yield `${lines}${name}_sum{${label}} ${sum}\n${name}_count{${label}} ${count}\n`;
    }
  }

  *#durations(): Generator<string> {
    const { latency } = this.#view.tally;
    const { name } = watchMetrics.targetDuration;
    const below = new Float64Array(durationBoundsNs.length);
    for (let index = 0; index < latency.targets; index++) {
      const sumNs = latency.cumulate(index, durationBoundsNs, below);
      yield histogramLines(name, this.#label(index), { below, count: latency.count(index), sumNs });
    }
  }

  *#siteInfos(): Generator<string> {
    const { tally, sites } = this.#view;
    const { name } = watchMetrics.targetSite;
    for (let index = 0; index < tally.targets; index++) {
      const site = tally.site(index);
      if (site === noSite) continue;
      const of = `site="${escapeLabel(sites.name(site)!)}",source="${sites.source(site)}"`;
      yield `${name}{${this.#label(index)},${of}} 1\n`;
    }
  }

  /** A target that is watched twice needs two names: Prometheus refuses all of a scrape that has a sample twice. */
  #label(index: number): string {
    while (this.#labels.length <= index) {
      const text = formatTarget(this.#view.targets[this.#labels.length]!);
      const times = (this.#seen.get(text) ?? 0) + 1;
      this.#seen.set(text, times);
      this.#labels.push(`target="${times === 1 ? text : `${text}#${times}`}"`);
    }
    return this.#labels[index]!;
  }
}

const none = new Float64Array(0);

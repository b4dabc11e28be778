// What each plot of the report shows, from the records.
import type { Report } from "../src/load/answer.js";
import { count, percent, verdictOf } from "../src/load/figure.js";
import { quantile } from "../src/load/quantile.js";
import type { TrialRecord } from "../src/load/record.js";
import { latencyLimits, spectrumTrials } from "../src/load/report-plot.js";
import type { Axis, Line, Mark, Plot } from "./chart.js";
import { around, latencyAxis } from "./latency-axis.js";

/** chartsOf gives the plots by their name in the page; undefined where there is nothing to plot. */
export function chartsOf(report: Report): Readonly<Record<string, () => Plot | undefined>> {
  return {
    load: () => loadPlot(report),
    spectrum: () => spectrumPlot(report),
    trials: () => trialsPlot(report),
    latency: () => latencyPlot(report),
    loss: () => lossPlot(report),
    rcodes: () => rcodesPlot(report),
  };
}

const rateText = (qps: number, tick: boolean) => (tick ? short(qps) : `${count(qps)} queries/s`);
const secondsText = (value: number, tick: boolean) => (tick ? String(value) : `${value.toFixed(0)} s`);
function loadPlot({ start, trials, result }: Report): Plot {
  // What the generator could not offer says nothing of the server's latency at that load.
  const telling = trials.filter(({ limited_by_generator }) => limited_by_generator === null);
  const sorted = [...(telling.length > 1 ? telling : trials)].sort((a, b) => a.offered_qps - b.offered_qps);
  const limits = latencyLimits(start.objective);
  // Far above the capacity there is nothing but timeouts; what matters would be squeezed into a corner.
  const most = result?.upper_qps ? result.upper_qps * 1.4 : Number.POSITIVE_INFINITY;
  const shown = sorted.filter(({ offered_qps }) => offered_qps <= most);
  const lines = percentileLines(shown, { points: true });
  const xs = shown.map(({ offered_qps }) => offered_qps);
  const values = lines.flatMap((line) => line.values);
  const span = xs.at(-1)! - xs[0]! || xs[0]!;
  return {
    x: {
      label: "offered load (queries/s)",
      scale: "linear",
      text: rateText,
      range: [Math.max(0, xs[0]! - span * 0.04), xs.at(-1)! + span * 0.04],
    },
    y: latencyAxis([...values, ...limits.map(({ ns }) => ns)]),
    xs,
    lines,
    marks: [
      ...limits.map(({ text, ns }): Mark => ({ axis: "y", at: ns, text, colour: "bad" })),
      ...capacityMark(result, "x"),
    ],
  };
}

function capacityMark(result: Report["result"], axis: "x" | "y"): Mark[] {
  if (!result || result.lower_qps === null) return [];
  const known = result.capacity_qps !== null && result.limited_by_generator === null;
  return [
    {
      axis,
      at: result.lower_qps,
      text: `${known ? "held" : "held at least"} ${short(result.lower_qps)}/s`,
      colour: known ? "good" : "open",
    },
  ];
}

function percentileLines(trials: readonly TrialRecord[], look: Partial<Line>): Line[] {
  return [
    { name: "p50", colour: "s1", values: trials.map((trial) => trial.latency.p50_ns), ...look },
    { name: "p99", colour: "s2", values: trials.map((trial) => trial.latency.p99_ns), ...look },
    { name: "p99.9", colour: "s3", values: trials.map((trial) => trial.latency.p999_ns), ...look },
  ];
}

function spectrumPlot(report: Report): Plot | undefined {
  const trials = spectrumTrials(report);
  if (trials.length === 0) return undefined;
  const most = Math.max(10, ...trials.map(({ latency }) => latency.count));
  const decades = Math.log10(most);
  const xs = Array.from({ length: Math.ceil(decades * 40) + 1 }, (_, i) => 10 ** Math.min(i / 40, decades));
  const colours = ["s1", "s2", "s3"];
  const lines = trials.map((trial, i): Line => {
    const { count: n, max_ns: max } = trial.latency;
    const values = xs.map((x) =>
      n === 0 || x > n * 1.000001 ? null : Math.min(quantile(trial.buckets, 1 - 1 / x), max!),
    );
    return {
      name: `${short(trial.offered_qps)}/s (trial ${trial.trial})`,
      colour: colours[i]!,
      values,
      ...(i > 0 ? { dash: i > 1 ? [2, 3] : [7, 4] } : {}),
    };
  });
  const limits = latencyLimits(report.start.objective);
  return {
    x: {
      label: "percentile, on the scale of 1/(1−p)",
      scale: "log",
      range: [1, 10 ** decades],
      ticks: [1, 2, ...Array.from({ length: Math.floor(decades) }, (_, i) => 10 ** (i + 1))],
      text: (x, tick) => (tick ? percentileName(x) : `p${percentileName(x).replace("%", "")}`),
    },
    y: latencyAxis([...lines.flatMap(({ values }) => values), ...limits.map(({ ns }) => ns)]),
    xs,
    lines,
    marks: limits.map(({ text, ns }) => ({ axis: "y", at: ns, text, colour: "bad" })),
  };
}

/** 1 is 0 %, 10 is 90 %, 1000 is 99.9 %. */
function percentileName(x: number): string {
  const percentile = 100 * (1 - 1 / x);
  return `${Number(percentile.toFixed(Math.max(0, Math.ceil(Math.log10(x)) - 1)))}%`;
}

/** Each trial is a bar over the time that it took, at the load that it offered. */
function trialsPlot({ start, trials, result }: Report): Plot {
  const xs: number[] = [];
  const rows: { verdict: string; value: number | null }[] = [];
  let at = 0;
  for (const trial of trials) {
    const verdict = verdictOf(trial, start.objective.length > 0);
    const end = at + trial.seconds;
    // A gap before the next one, or uPlot would join them.
    xs.push(at, end - trial.seconds * 1e-6, end - trial.seconds * 1e-9);
    rows.push({ verdict, value: trial.offered_qps }, { verdict, value: trial.offered_qps }, { verdict, value: null });
    at = end;
  }
  const line = (verdict: string, colour: string, look: Partial<Line>): Line => ({
    name: verdict,
    colour,
    values: rows.map((row) => (row.verdict === verdict ? row.value : null)),
    width: 5,
    ...look,
  });
  const all = [
    line("held", "good", {}),
    line("missed", "bad", { dash: [3, 2] }),
    line("limited", "open", { dash: [10, 3] }),
    line("measured", "s1", {}),
  ];
  const [least, most] = around(trials.map(({ offered_qps }) => offered_qps));
  return {
    x: { label: "time under load (s)", scale: "linear", text: secondsText, range: [0, at] },
    y: { label: "offered load (queries/s)", scale: "log", text: rateText, range: [least, most] },
    xs,
    lines: all.filter(({ values }) => values.some((value) => value !== null)),
    marks: capacityMark(result, "y"),
  };
}

interface Second {
  readonly at: number;
  readonly moment: TrialRecord["moments"][number];
}

/** The seconds of all trials, one after the other, without the pauses between them. */
function secondsOf({ trials }: Report): Second[] {
  let from = 0;
  return trials.flatMap((trial) => {
    const seconds = trial.moments.map((moment) => ({ at: from + moment.at_seconds, moment }));
    from += trial.seconds;
    return seconds;
  });
}

const timeAxis = (seconds: readonly Second[]): Axis => ({
  label: "time under load (s)",
  scale: "linear",
  text: secondsText,
  range: [0, Math.max(1, (seconds.at(-1)?.at ?? 0) + 1)],
});

function latencyPlot(report: Report): Plot | undefined {
  const seconds = secondsOf(report);
  if (seconds.length === 0) return undefined;
  const limits = latencyLimits(report.start.objective);
  const lines: Line[] = [
    { name: "p50", colour: "s1", values: seconds.map(({ moment }) => moment.p50_ns), steps: true },
    { name: "p99", colour: "s2", values: seconds.map(({ moment }) => moment.p99_ns), steps: true },
  ];
  return {
    x: timeAxis(seconds),
    y: latencyAxis([...lines.flatMap(({ values }) => values), ...limits.map(({ ns }) => ns)], "latency in each second"),
    xs: seconds.map(({ at }) => at),
    lines,
    marks: limits.map(({ text, ns }) => ({ axis: "y", at: ns, text, colour: "bad" })),
  };
}

function lossPlot(report: Report): Plot | undefined {
  const seconds = secondsOf(report);
  if (seconds.length === 0) return undefined;
  const values = seconds.map(({ moment: { sent, lost } }) => (sent > 0 ? lost / sent : null));
  const limits = report.start.objective.flatMap((limit): Mark[] => {
    const match = /^loss<([\d.]+)%$/.exec(limit);
    return match ? [{ axis: "y", at: Number(match[1]) / 100, text: limit, colour: "bad" }] : [];
  });
  const most = Math.max(1e-3, ...values.map((value) => value ?? 0), ...limits.map(({ at }) => at * 1.5));
  const top = 10 ** Math.ceil(Math.log10(most));
  const ticks = [0, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1].filter((tick) => tick <= top);
  return {
    x: timeAxis(seconds),
    y: {
      label: "queries lost",
      scale: "share",
      text: (share, tick) => (tick ? `${Number((share * 100).toPrecision(3))}%` : percent(share)),
      range: [0, top],
      ticks,
    },
    xs: seconds.map(({ at }) => at),
    lines: [{ name: "lost", colour: "bad", values, steps: true }],
    marks: limits,
  };
}

function rcodesPlot(report: Report): Plot | undefined {
  const seconds = secondsOf(report);
  const totals = new Map<string, number>();
  for (const { moment } of seconds)
    for (const [rcode, n] of Object.entries(moment.rcodes)) totals.set(rcode, (totals.get(rcode) ?? 0) + n);
  if (totals.size === 0) return undefined;
  const names = [...totals].sort(([, a], [, b]) => b - a).map(([rcode]) => rcode);
  const lines = names.slice(0, 6).map((rcode, i): Line => {
    // None has no place on a logarithmic scale.
    const values = seconds.map(({ moment }) => moment.rcodes[rcode] || null);
    return { name: rcode, colour: `s${i + 1}`, values, steps: true, ...(i > 2 ? { dash: [7, 4] } : {}) };
  });
  const [least, most] = around(lines.flatMap(({ values }) => values));
  return {
    x: timeAxis(seconds),
    y: {
      label: "answers in each second",
      scale: "log",
      text: (n, tick) => (tick ? short(n) : count(n)),
      range: [least, most],
    },
    xs: seconds.map(({ at }) => at),
    lines,
    marks: [],
  };
}

function short(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(4))}M`;
  return value >= 1e3 ? `${Number((value / 1e3).toPrecision(4))}k` : String(Number(value.toPrecision(3)));
}

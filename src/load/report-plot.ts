// What the plots of the HTML report are of: shared by the page's script, which draws them, and by the report, which has the same
// figures in tables.
import { chosenTrial, type Report } from "./answer.js";
import { parseObjective } from "./objective.js";
import type { TrialRecord } from "./record.js";

/** PlotName is a plot of the page. */
export type PlotName = "load" | "spectrum" | "trials" | "latency" | "loss" | "rcodes";

/** plotsOf tells which plots a report has something for. */
export function plotsOf({ start, trials }: Report): PlotName[] {
  if (trials.length === 0) return [];
  const rates = new Set(trials.map(({ offered_qps }) => offered_qps)).size;
  const hasMoments = trials.some(({ moments }) => moments.length > 0);
  const hasAnswers = trials.some(({ moments }) => moments.some(({ rcodes }) => Object.keys(rcodes).length > 0));
  return [
    ...(rates > 1 ? (["load"] as const) : []),
    "spectrum",
    ...(start.mode === "search" || trials.length > 1 ? (["trials"] as const) : []),
    ...(hasMoments ? (["latency", "loss"] as const) : []),
    ...(hasAnswers ? (["rcodes"] as const) : []),
  ];
}

/** spectrumTrials are the trials whose whole distribution is shown: the chosen one, the next above it, and the least load. */
export function spectrumTrials(report: Report): TrialRecord[] {
  const chosen = chosenTrial(report);
  if (!chosen) return [];
  const byLoad = [...report.trials].sort((a, b) => a.offered_qps - b.offered_qps);
  const above = byLoad.find(({ offered_qps }) => offered_qps > chosen.offered_qps);
  return [...new Set([chosen, ...(above ? [above] : []), byLoad[0]!])].filter(({ latency }) => latency.count > 0);
}

/** latencyLimits gives the objective's limits on latency, in ns. What a newer version wrote and this one cannot read is left out. */
export function latencyLimits(objective: readonly string[]): { readonly text: string; readonly ns: number }[] {
  return objective.flatMap((text) => {
    try {
      return parseObjective(text).flatMap(({ percentile, below }) =>
        percentile === undefined ? [] : [{ text, ns: below }],
      );
    } catch {
      return [];
    }
  });
}

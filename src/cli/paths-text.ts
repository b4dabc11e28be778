// How the paths to a target stand, as text for people.
import { formatPath, type LatencySummary, type PathSummary, type SiteShare, type SweepSummary } from "../index.js";
import { formatDuration } from "../units.js";

/** So many of a sort are listed, and the rest are counted. */
const longest = 16;

/** pathsText tells which sites answer on how many paths, and names each path that is lost, loses packets or is unsteady. */
export function pathsText(summary: SweepSummary): string {
  const { target, sweeps, paths, answering, lost, suspect, unknown } = summary;
  const all = counted(paths.length, "path");
  const states = [
    `${answering} answered`,
    ...(lost > 0 ? [`${lost} lost`] : []),
    ...(suspect > 0 ? [`${suspect} suspect`] : []),
  ];
  const head = `${target}  ${all}, ${counted(sweeps, "sweep")}: ${states.join(", ")}\n`;
  if (sweeps === 0) return head;
  if (answering === 0) {
    const sent = paths.some(({ answered, unanswered }) => answered + unanswered > 0);
    return `${head}  ${sent ? "nobody answers on any path" : "nothing could be sent from this host"}\n`;
  }
  const lossy = paths.filter(({ state, unanswered }) => state === "answering" && unanswered > 0);
  return [
    head,
    ...summary.sites.map(siteLine),
    ...listed(`${lost} of ${all} black-holed: nobody answers there, while others are answered`, inState(paths, "lost")),
    ...listed(`${suspect} of ${all} silent in the last sweep, which may be chance`, inState(paths, "suspect")),
    ...listed(
      `${lossy.length} of ${all} have lost packets`,
      lossy.toSorted((a, b) => b.loss! - a.loss!),
    ),
    ...listed(
      "packets go to several sites, one by one",
      paths.filter(({ unsteady }) => unsteady),
    ),
    ...(unknown > 0 ? [`  ${unknown} of ${all} could not be asked\n`] : []),
  ].join("");
}

function siteLine({ site = "(no name)", paths, share, latency, sourcePorts }: SiteShare): string {
  return `  ${site}  ${counted(paths, "path")}, ${Math.round(100 * share)} %  ${times(latency)}  ports ${ranges(sourcePorts)}\n`;
}

function listed(title: string, paths: readonly PathSummary[]): string[] {
  if (paths.length === 0) return [];
  const rest = paths.length - longest;
  return [`  ${title}:\n`, ...paths.slice(0, longest).map(pathLine), ...(rest > 0 ? [`    … ${rest} more\n`] : [])];
}

function pathLine(path: PathSummary): string {
  const { state, site, answered, unanswered, latency } = path;
  const words = [
    formatPath(path),
    ...(site === undefined ? [] : [state === "answering" ? site : `led to ${site}`]),
    `${unanswered} of ${answered + unanswered} lost`,
    ...(latency.count > 0 ? [times(latency)] : []),
  ];
  return `    ${words.join("  ")}\n`;
}

function times({ p50Ns, p99Ns }: LatencySummary): string {
  return `p50 ${formatDuration(p50Ns)} p99 ${formatDuration(p99Ns)}`;
}

function inState(paths: readonly PathSummary[], wanted: PathSummary["state"]): PathSummary[] {
  return paths.filter(({ state }) => state === wanted);
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** ranges writes ascending numbers shortly: `42000-42003 42007`. */
function ranges(numbers: readonly number[]): string {
  const spans: [first: number, last: number][] = [];
  for (const number of numbers) {
    const span = spans.at(-1);
    if (span?.[1] === number - 1) span[1] = number;
    else spans.push([number, number]);
  }
  return spans.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(" ");
}

// The live table of `anyprobe watch`: all targets together, then the worst of them, a line each, as many as the screen has
// lines for.
import { styleText } from "node:util";
import type { LatencySummary, TargetSummary, WatchEvent, WatchTotals } from "../index.js";
import { formatTarget } from "../index.js";
import { count, latency, percent, plain } from "../load/figure.js";
import { formatDuration } from "../units.js";
import type { Asked } from "./watch-run.js";

/** Scene is all that a table is made of. */
export interface Scene {
  readonly asked: Asked;
  readonly totals: WatchTotals;
  readonly latency: LatencySummary;
  readonly perSecond: number;
  /** Since the watch began. */
  readonly ranNs: number;
  /** The worst targets, the worst first. */
  readonly worst: readonly TargetSummary[];
  /** What changed last, the newest last. */
  readonly events: readonly WatchEvent[];
}

export interface Size {
  readonly rows: number;
  readonly columns: number;
}

type Colour = "green" | "red" | "yellow" | "dim" | "bold";
type Paint = (colour: Colour, text: string) => string;

const headerRows = 5;
const mostEvents = 4;
const mostSites = 12;
const barLevels = "▁▂▃▄▅▆▇█";
const lostMark = "×";

/** targetRows tells for how many targets a screen has room. */
export function targetRows({ rows }: Size, events: number): number {
  // The last line stays free: a line feed there would scroll.
  return Math.max(1, rows - headerRows - Math.min(events, mostEvents) - 2);
}

/** renderTable draws a scene that fits the screen. */
export function renderTable(scene: Scene, size: Size, colours: boolean): string {
  const paint: Paint = (colour, text) => (colours ? styleText(colour, text, { validateStream: false }) : text);
  const events = scene.events.slice(-mostEvents);
  const shown = scene.worst.slice(0, targetRows(size, events.length));
  const more = scene.totals.targets - shown.length;
  const width = Math.max("target".length, ...shown.map(({ target }) => target.length));
  const lines = [
    ...header(scene, paint),
    paint("dim", heading(width)),
    ...shown.map((summary) => row(summary, width, size.columns, paint)),
    ...(more > 0 ? [paint("dim", `… ${count(more)} more that are better`)] : []),
    ...events.map((event) => paint("dim", eventText(event))),
  ];
  return `${lines.join("\n")}\n`;
}

/** renderEnd tells of a watch that is over: all targets together, and those that are not well. */
export function renderEnd(scene: Scene, colours: boolean): string {
  const paint: Paint = (colour, text) => (colours ? styleText(colour, text, { validateStream: false }) : text);
  const bad = scene.worst.filter(({ state, loss, wrong }) => state === "down" || (loss ?? 0) > 0 || wrong > 0);
  const width = Math.max("target".length, ...bad.map(({ target }) => target.length));
  const rows = bad.map((summary) => row(summary, width, 200, paint));
  return `${[...header(scene, paint), ...(bad.length > 0 ? [paint("dim", heading(width)), ...rows] : [])].join("\n")}\n`;
}

function header({ asked, totals, latency: rtt, perSecond, ranNs }: Scene, paint: Paint): string[] {
  const { targets, up, down, unknown, ended, wrong, voided, loss, sites } = totals;
  const every = `every ${formatDuration(asked.intervalMs * 1e6)}`;
  const states = [
    paint("green", `${count(up)} up`),
    paint(down > 0 ? "red" : "dim", `${count(down)} down`),
    ...(unknown > 0 ? [paint("yellow", `${count(unknown)} unknown`)] : []),
  ];
  const figures = [
    `${count(ended)} probes (${count(perSecond)}/s)`,
    `loss ${loss === null ? "–" : percent(loss)}`,
    ...(wrong > 0 ? [paint("red", `wrong ${count(wrong)}`)] : []),
    ...(voided > 0 ? [`void ${count(voided)}`] : []),
    `p50 ${latency(rtt.p50Ns)}`,
    `p99 ${latency(rtt.p99Ns)}`,
    `max ${latency(rtt.maxNs)}`,
  ];
  const all = Object.entries(sites);
  const told = all.slice(0, mostSites).map(([site, of]) => `${plain(site)} ${count(of)}`);
  if (all.length > mostSites) told.push(`and ${count(all.length - mostSites)} more`);
  return [
    `${paint("bold", `${count(targets)} ${targets === 1 ? "target" : "targets"}`)}  ${plain(asked.question)} ${every}  ${states.join("  ")}  ${formatDuration(ranNs)}`,
    figures.join("  "),
    told.length === 0 ? paint("dim", "no site told yet") : `sites  ${told.join("  ")}`,
    "",
  ];
}

function heading(width: number): string {
  return `${"target".padEnd(width)}  state    ${["loss", "p50", "p99", "max"].map((word) => word.padStart(8)).join("")}  ${"newest".padEnd(16)}  site`;
}

function row(summary: TargetSummary, width: number, columns: number, paint: Paint): string {
  const { target, state, loss, latency: own, recent, site, siteSource } = summary;
  const colour = ({ up: "green", down: "red", unknown: "yellow" } as const)[state];
  const lossText = (loss === null ? "–" : percentShort(loss)).padStart(8);
  const times = [own.p50Ns, own.p99Ns, own.maxNs].map((ns) => latency(ns).padStart(8)).join("");
  const left = columns - width - 62;
  const name = site === undefined ? "" : `${plain(site)}${siteSource === "nsid" ? "" : ` (${siteSource})`}`;
  const bars = sparkline(recent).replaceAll(lostMark, paint("red", lostMark));
  const pad = " ".repeat(16 - recent.length);
  return `${target.padEnd(width)}  ${paint(colour, state.padEnd(9))}${(loss ?? 0) > 0 ? paint("red", lossText) : lossText}${times}  ${pad}${bars}  ${name.slice(0, Math.max(0, left))}`.trimEnd();
}

/** Two digits are enough in a column. */
function percentShort(share: number): string {
  return share === 0 || share === 1 ? `${share * 100}%` : `${(share * 100).toPrecision(2)}%`;
}

/** sparkline draws round trips as bars, from the least to the greatest of them; what was lost is a cross. */
export function sparkline(recent: readonly (number | null)[]): string {
  const answered = recent.filter((ms) => ms !== null);
  const [least, most] = [Math.min(...answered), Math.max(...answered)];
  // Between times that are nearly the same there is nothing to see.
  const span = Math.max(most - least, least * 0.1);
  return recent
    .map((ms) => (ms === null ? lostMark : barLevels[Math.min(7, Math.floor(((ms - least) / span) * 8) || 0)]!))
    .join("");
}

/** eventText tells of an event in a line. */
export function eventText(event: WatchEvent): string {
  const at = new Date(event.atMs).toISOString().slice(11, 19);
  if (event.kind === "gap") return `${at}  ${count(event.lost)} events lost`;
  const target = formatTarget(event.target);
  if (event.kind === "site") {
    const from = event.before === undefined ? "" : `, before ${plain(event.before)}`;
    return `${at}  ${target} is answered by ${plain(event.site)}${from}`;
  }
  return `${at}  ${target} is ${event.kind}${event.reason === undefined ? "" : `: ${plain(event.reason)}`}`;
}

// `anyprobe why` for people: from how a prefix stands now, back over what is wanted and by whom, to the probes that it rests on.
import { type Announcement, isRung, rungCosts } from "../route/driver.js";
import type { JournalEvent } from "../run/journal.js";
import { guardSight } from "../run/narrate.js";
import type { FreezeReport, GuardReport, OrderReport, PrefixReport } from "../run/status.js";
import { formatDuration, monotonicNs, nsPerMs } from "../units.js";
import { instant, type Paint, painter, printable } from "./event-text.js";
import { entered, explainService, type ServiceReport } from "./why-check.js";

/** WhyAnswer is what the daemon tells of one prefix. */
export interface WhyAnswer {
  readonly prefix: string;
  /** One for each service that has the prefix, at least one. */
  readonly status: readonly ServiceReport[];
  /** Those that concern the prefix, oldest first. */
  readonly events: readonly JournalEvent[];
  readonly frozen: FreezeReport | null;
}

/** Longer than this nobody reads. */
const mostLines = 25;

/** renderWhy writes the chain as sentences, a line each. `nowNs` is on this host's CLOCK_MONOTONIC, `nowMs` is Unix time. */
export function renderWhy(answer: WhyAnswer, colours: boolean, nowNs = monotonicNs(), nowMs = Date.now()): string {
  const paint = painter(colours);
  const { status, events, frozen } = printableIn(answer) as WhyAnswer;
  const report = status[0]!;
  const { order, guard, holdDownMs } = report;
  // Whoever wants it worse than it could be explains it.
  const services = status.toSorted((a, b) => Number(a.want === "announced") - Number(b.want === "announced"));
  const lines = [
    headline(report, events, paint, nowMs),
    ...(frozen ? [`anyprobe is ${paint("yellow", "frozen")} ${byWhom(frozen)}: no route or address is touched.`] : []),
    ...report.drivers.filter(({ driver }) => driver !== "none").map((driver) => explainDriver(driver, events)),
    explainWanted(report, events),
    ...(order ? [explainOrder(order, events)] : []),
    ...(guard ? [explainGuard(guard, report)] : []),
    ...(holdDownMs > 0 ? [`Hold-down: it is not announced for another ${left(holdDownMs)}, however well it is.`] : []),
    ...services.flatMap((service) => explainService(service, events, paint, nowNs)),
  ];
  const shown = lines.length <= mostLines ? lines : [...lines.slice(0, mostLines - 1), "… and more: anyprobe status"];
  return `${shown.join("\n")}\n`;
}

function headline(report: PrefixReport, events: readonly JournalEvent[], paint: Paint, nowMs: number): string {
  const { prefix, observed, verified, reason, drivers } = report;
  const name = paint("bold", prefix);
  if (observed === "unknown")
    return `${name}: how it stands cannot be read${reason === undefined ? "" : `: ${reason}`}.`;
  const style = observed === "announced" ? "green" : observed === "withdrawn" || observed === "dead" ? "red" : "yellow";
  const how = `${paint(style, observed)}${gloss(observed)}`;
  if (drivers.every(({ driver }) => driver === "none")) return `${name} would be ${how}: ${reason ?? "a dry run"}.`;
  if (!verified) return `${name} is ${how}; not verified${reason === undefined ? " yet" : `: ${reason}`}.`;
  const settled = entered(sinceByHand(events), ({ kind }) => kind === "route");
  if (settled?.evidence?.["to"] !== observed) return `${name} is ${how}; verified.`;
  const ago = formatDuration(Math.max(0, nowMs - settled.atMs) * nsPerMs);
  return `${name} is ${how}; verified since ${instant(settled.atMs)} (${ago} ago).`;
}

/** What was verified before somebody's hand moved the prefix says nothing of how it stands since. */
function sinceByHand(events: readonly JournalEvent[]): readonly JournalEvent[] {
  return events.slice(events.findLastIndex(({ kind }) => kind === "manual" || kind === "appeared") + 1);
}

/** What a rung is, for whoever meets it the first time. */
function gloss(observed: Announcement): string {
  return isRung(observed) ? ` (announced at a cost of ${rungCosts[observed].stub} and up)` : "";
}

function explainDriver(
  { driver, observed, verified, reason }: PrefixReport["drivers"][number],
  events: readonly JournalEvent[],
): string {
  const doubt = reason === undefined ? "not verified" : `not verified: ${reason}`;
  const shows = `${driver} shows it as ${observed}, ${verified ? "verified" : doubt}.`;
  const last = events.findLast(({ kind, evidence }) => kind === "action" && evidence?.["driver"] === driver);
  if (!last) return shows;
  const { action, rung, tookNs, error } = last.evidence as {
    action: string;
    rung?: string;
    tookNs: number;
    error?: string;
  };
  const what = `${action} it${rung === undefined ? "" : ` to ${rung}`} at ${instant(last.atMs)}`;
  if (error !== undefined) return `${shows} It could not ${what}: ${error}.`;
  return `${shows} It was told to ${what}, which took ${formatDuration(tookNs)}.`;
}

function explainWanted(
  { wanted, observed, verified, reason, because }: ServiceReport,
  events: readonly JournalEvent[],
): string {
  const isDecision = ({ kind }: JournalEvent) => kind === "decision";
  if (wanted === "hold") {
    const before = events.findLast(isDecision)?.evidence;
    const told = before ? ` Before, it was to be ${before["to"]}: ${before["reason"]}.` : "";
    return `Nothing is wanted of it yet: it stays as it is until its checks have decided.${told}`;
  }
  const decision = entered(events, isDecision);
  const known = decision?.evidence?.["to"] === wanted ? decision : undefined;
  const then = known?.evidence?.["reason"];
  const now = because ?? then;
  const when = known ? `, decided at ${instant(known.atMs)}` : "";
  // As after an order that has ended while the checks want the same.
  const changed = known && now !== then ? ", by now for another reason" : "";
  const why = now === undefined ? "." : `${when}${changed}: ${now}.`;
  const obstacle = verified && reason !== undefined ? `: ${reason}` : "";
  return `It is to be ${wanted}${why}${observed === wanted ? "" : ` It is not so yet${obstacle}.`}`;
}

/** What an operator has ordered it to be. */
const orders: Readonly<Record<Exclude<OrderReport["kind"], "manual">, string>> = {
  drain: "ordered it drained",
  withdraw: "ordered it withdrawn",
  announce: "ordered it announced, whatever its checks say,",
  hold: "ordered it left alone",
};

function explainOrder(order: OrderReport, events: readonly JournalEvent[]): string {
  const { kind, by, reason, leftMs, phase } = order;
  const why = reason === null ? "" : `: ${reason}`;
  if (kind === "manual") return `${by} took it away by hand: it is left alone until it is put back${why}.`;
  const given = events.findLast(
    ({ kind: told, evidence }) => told === "order" && evidence?.["order"] === kind && evidence["action"] === "given",
  );
  const when = given ? ` at ${instant(given.atMs)}` : "";
  const until = leftMs === null ? "until it is ended" : `for another ${left(leftMs)}`;
  const stage = phase === undefined ? "" : ` (${phase})`;
  return `${by} ${orders[kind]}${when} ${until}${stage}${why}.`;
}

function explainGuard({ held, others, needed, reason }: GuardReport, { wanted, observed }: PrefixReport): string {
  const sight = guardSight({ others, needed });
  if (held) return `The last-endpoint guard keeps it from being withdrawn: ${reason ?? sight}.`;
  if (reason !== null) {
    const told = others === null ? "cannot see who else announces it" : "is not done";
    return `The last-endpoint guard ${told}: ${reason}.`;
  }
  const enough = others !== null && others >= needed;
  // It was forced or taken away by hand, or the others went after it.
  if (!enough && observed === "withdrawn") return `The last-endpoint guard has nothing to hold any more: ${sight}.`;
  const lets = wanted === "withdrawn" ? "lets" : enough ? "would let" : "would not let";
  return `The last-endpoint guard ${lets} it be withdrawn: ${sight}.`;
}

function byWhom({ by, reason, leftMs }: FreezeReport): string {
  return `by ${by}${leftMs === null ? "" : ` for another ${left(leftMs)}`}${reason === null ? "" : ` (${reason})`}`;
}

function left(ms: number): string {
  return formatDuration(ms * nsPerMs);
}

/** printableIn gives a plain JSON value with every string in it printable. */
function printableIn(value: unknown): unknown {
  if (typeof value === "string") return printable(value);
  if (Array.isArray(value)) return value.map(printableIn);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, printableIn(inner)]));
}

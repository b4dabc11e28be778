// One service at one prefix: how it is announced, what it is to be and why, and its checks.
import { gravityOf } from "../../src/cli/status-gravity.js";
import type { PageEvent } from "../../src/live/timeline.js";
import { count, latency } from "../../src/load/figure.js";
import type { PagePrefix } from "../../src/run/page.js";
import type { CheckReport, FreezeReport } from "../../src/run/status.js";
import { formatDuration } from "../../src/units.js";
import { cells, element, List, mark, type Row, say, table } from "./dom.js";
import type { Tone } from "./frame.js";
import { eventRow } from "./timeline.js";

/** Shown is a prefix with the events that led to how it stands. `nowNs` is on the daemon's CLOCK_MONOTONIC. */
export interface Shown {
  readonly report: PagePrefix;
  readonly why: readonly PageEvent[];
  readonly nowNs: number;
}

/** stateOf gives the word for how it is announced: as `anyprobe status` has it. */
export function stateOf({ order, manual, observed }: PagePrefix): string {
  const byHand = order ? order.kind === "manual" : manual !== undefined;
  return byHand ? "manual" : observed;
}

const tones = ["good", "open", "bad"] as const satisfies readonly Tone[];

/** toneOf tells how bad that is: as the exit code of `anyprobe status` does. */
export function toneOf(report: PagePrefix): Tone {
  return tones[gravityOf({ frozen: null, services: [{ name: report.service, prefixes: [report] }] })]!;
}

/** prefixRow makes the card of a prefix. */
export function prefixRow({ report: { prefix, service } }: Shown): Row<Shown> {
  const badge = element("span", { class: "badge" });
  const sentence = element("p");
  const facts = element("dl");
  const factList = new List<Fact>(facts, factRow);
  const heads = ["Check", "State", "For", "p50", "p99", "max", "Answers", "Last"];
  const { box, body } = table(`Checks of ${service} at ${prefix}`, heads, "Last");
  const checks = new List<CheckAt>(body, checkRow);
  const led = element("ol", { class: "events" });
  const why = new List<PageEvent>(led, eventRow);
  const title = element("h3", {}, element("span", {}, prefix), badge);
  const more = element("details", {}, element("summary", {}, "What led to this"), led);
  const card = element("article", {
    class: "card prefix",
    "data-prefix": prefix,
    "aria-label": `${service} at ${prefix}`,
  });
  card.append(element("p", { class: "quiet" }, service), title, sentence, facts, box, more);
  return {
    element: card,
    update: ({ report, why: events, nowNs }) => {
      mark(card, "data-state", stateOf(report));
      mark(card, "data-verified", String(report.verified));
      mark(card, "data-tone", toneOf(report));
      say(badge, stateOf(report));
      say(sentence, sentenceOf(report));
      factList.show(factsOf(report).map((fact) => [fact[0], fact]));
      checks.show(report.checks.map((check) => [check.name, { check, nowNs }]));
      why.show(events.toReversed().map((event) => [String(event.seq), event]));
    },
  };
}

function sentenceOf({ wanted, observed, verified, reason, because, drivers }: PagePrefix): string {
  const moves = drivers.some(({ driver }) => driver !== "none");
  const proof = moves
    ? verified
      ? "Verified."
      : `Not verified${reason === undefined ? " yet" : `: ${reason}`}.`
    : reason;
  const wish =
    wanted === "hold"
      ? "Nothing is wanted of it until its checks have decided."
      : `${wanted === observed ? "As it is to be" : `It is to be ${wanted}`}${because === undefined ? "" : `: ${because}`}.`;
  return [proof, wish].filter((part) => part !== undefined).join(" ");
}

type Fact = readonly [name: string, text: string];

/** What stands between the checks and the announcement. */
function factsOf({ order, guard, holdDownMs, objective, drivers, want }: PagePrefix): Fact[] {
  const facts: Fact[] = [];
  if (want !== "announced") facts.push(["this service wants it", want === "hold" ? "as it is" : want]);
  if (order)
    facts.push(["order", `${order.kind} ${wish(order)}${order.phase === undefined ? "" : `; ${order.phase}`}`]);
  if (guard) {
    const sight = `${guard.others ?? "unknown"} others, ${guard.needed} needed`;
    const told = guard.reason === null ? sight : `${sight}; ${guard.reason}`;
    facts.push(["guard", guard.held ? `held: ${told}` : told]);
  }
  if (holdDownMs > 0) facts.push(["hold-down", `${formatDuration(holdDownMs * 1e6)} left`]);
  if (objective) {
    const state = objective.breached ? "breached" : objective.reasons.length > 0 ? "not judged" : "kept";
    const figures = objective.figures.map(({ name, unit, limit, slow: { value } }) => {
      const told = unit === "ns" ? formatDuration : (share: number) => `${Number((share * 100).toPrecision(3))}%`;
      return `${name} ${value === null ? "unknown" : told(value)} of ${told(limit)}`;
    });
    facts.push(["objective", [state, ...objective.reasons, ...figures].join("; ")]);
  }
  for (const { driver, way } of drivers) if (way !== undefined) facts.push([driver, way]);
  return facts;
}

function wish({ by, reason, leftMs }: FreezeReport): string {
  const left = leftMs === null ? "" : `, ${formatDuration(leftMs * 1e6)} left`;
  return `by ${by}${left}${reason === null ? "" : `: ${reason}`}`;
}

function factRow([name]: Fact): Row<Fact> {
  const told = element("dd");
  const row = element("div", {}, element("dt", {}, name), told);
  return { element: row, update: ([, text]) => say(told, text) };
}

interface CheckAt {
  readonly check: CheckReport;
  readonly nowNs: number;
}

const stateTones: Readonly<Record<string, Tone>> = { up: "good", down: "bad" };

function checkRow(): Row<CheckAt> {
  const row = element("tr");
  return {
    element: row,
    update: ({ check: { name, role, state, sinceNs, last, latency: rtt }, nowNs }) => {
      mark(row, "data-check", state);
      cells(row, [
        [role === "gate" ? name : `${name} (${role})`],
        [state, `state ${stateTones[state] ?? "open"}`],
        [sinceNs === null ? "–" : formatDuration(Math.max(0, nowNs - sinceNs))],
        [latency(rtt.p50Ns)],
        [latency(rtt.p99Ns)],
        [latency(rtt.maxNs)],
        [count(rtt.count)],
        [last ?? "–", "words"],
      ]);
    },
  };
}

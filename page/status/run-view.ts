// The page of `anyprobe run`: the services at their prefixes.
import { gravityOf } from "../../src/cli/status-gravity.js";
import type { PageEvent } from "../../src/live/timeline.js";
import type { PageLatency, PagePrefix, RunHead } from "../../src/run/page.js";
import { formatDuration } from "../../src/units.js";
import { element, List } from "./dom.js";
import { Frame, type Tone, type Verdict } from "./frame.js";
import { type Latencies, LatencyView } from "./latency.js";
import type { Link, Parts } from "./parts.js";
import { prefixRow, type Shown, stateOf, toneOf } from "./prefix-card.js";
import { Timeline } from "./timeline.js";

/** RunView shows the parts of a daemon. */
export class RunView {
  readonly #frame = new Frame();
  readonly #prefixes: List<Shown>;
  readonly #latency = new LatencyView();
  readonly #timeline = new Timeline();

  constructor(page: HTMLElement) {
    const prefixes = element("div", { class: "prefixes" });
    this.#prefixes = new List(prefixes, prefixRow);
    const services = element("section", {}, element("h2", {}, "Services and prefixes"), prefixes);
    page.replaceChildren(this.#frame.element, services, this.#latency.element, this.#timeline.element);
  }

  show(parts: Parts): void {
    const head = parts.get<RunHead>("head")!;
    const reports = parts.all<PagePrefix>("prefix").map(([, report]) => report);
    this.#frame.show(`anyprobe on ${head.host}`, factsOf(head), verdictOf(head, reports));
    this.#prefixes.show(
      reports.map((report) => {
        const why = parts.get<readonly PageEvent[]>(`why ${report.prefix}`) ?? [];
        return [`${report.service} ${report.prefix}`, { report, why, nowNs: head.nowNs }];
      }),
    );
    const events = parts.all<PageEvent>("event").map(([, event]) => event);
    const histories = parts.all<PageLatency>("latency").map(([, history]) => history);
    this.#latency.show(reports.flatMap((report) => latenciesOf(report, histories, events)));
    this.#timeline.show(events);
  }

  showLink(link: Link): void {
    this.#frame.showLink(link);
  }
}

function factsOf({ version, pid, uptimeNs, configFile, residentOctets, sources, markRule, hints }: RunHead): string {
  return [
    `version ${version}, pid ${pid}, up ${formatDuration(uptimeNs)}, ${Math.round(residentOctets / 2 ** 20)} MiB`,
    ...(configFile === null ? [] : [configFile]),
    ...sources.map(({ family, address, why }) => `IPv${family} from ${address} (${why})`),
    ...(markRule.on ? [] : [`mark rule off: ${markRule.reason ?? "unknown"}`]),
    ...(hints.on ? [] : [`hints off: ${hints.reason ?? "unknown"}`]),
  ].join(" · ");
}

const tones = ["good", "open", "bad"] as const satisfies readonly Tone[];

function verdictOf(head: RunHead, reports: readonly PagePrefix[]): Verdict {
  const { frozen, health } = head;
  const services = [...new Set(reports.map(({ service }) => service))].map((name) => ({
    name,
    prefixes: reports.filter(({ service }) => service === name),
  }));
  const prefixes = new Map(reports.map((report) => [report.prefix, report]));
  const announced = [...prefixes.values()].filter((report) => stateOf(report) === "announced").length;
  const troubled = reports.filter((report) => toneOf(report) !== "good");
  return {
    tone: tones[gravityOf({ frozen, services })]!,
    label: prefixes.size === 1 ? [...prefixes.keys()][0]! : `${prefixes.size} prefixes`,
    figure: prefixes.size === 1 ? stateOf(reports[0]!) : `${announced} of ${prefixes.size} announced`,
    sentences: [
      ...(frozen
        ? [`Frozen by ${frozen.by}${frozen.reason === null ? "" : `: ${frozen.reason}`}. No route is touched.`]
        : []),
      ...troubled.map((report) => `${report.service}: ${report.prefix} is ${stateOf(report)}${becauseOf(report)}`),
      ...(health?.complaints ?? []),
    ],
  };
}

function becauseOf({ because, reason, wanted, observed }: PagePrefix): string {
  const meant = wanted === observed || wanted === "hold" ? "" : `, and is to be ${wanted}`;
  return `${meant}: ${reason ?? because ?? "not verified yet"}.`;
}

function latenciesOf(
  { service, prefix, checks }: PagePrefix,
  histories: readonly PageLatency[],
  events: readonly PageEvent[],
): Latencies[] {
  return checks.map(({ name, spread }) => {
    const bins =
      histories.find((one) => one.service === service && one.prefix === prefix && one.check === name)?.bins ?? none;
    const from = bins[0]?.atMs ?? Number.POSITIVE_INFINITY;
    const moments = events
      .filter(({ kind, to, subjects, atMs }) => kind === "route" && to && subjects.includes(prefix) && atMs >= from)
      .slice(-mostMoments)
      .map(({ atMs, to }) => ({ atMs, text: to!, tone: to === "announced" ? ("good" as const) : ("bad" as const) }));
    return { name: `${service} at ${prefix}: ${name}`, bins, spread, moments };
  });
}

const none: readonly never[] = [];
/** More words would lie on each other. */
const mostMoments = 6;

// The tables of the HTML report: every figure that a plot shows is in one of them too, for whoever cannot see a plot, or wants the
// number.
import { chosenTrial, type Report } from "./answer.js";
import { count, latency, lossOf, percent, toldOf, verdictOf, verdictText } from "./figure.js";
import { html, type Markup, type Part } from "./markup.js";
import { quantileInterval } from "./quantile.js";
import { spectrumTrials } from "./report-plot.js";

/** A table that may be wider than the screen can be scrolled by itself, by keyboard too. */
function table(label: string, header: readonly string[], rows: readonly Markup[]): Markup {
  return html`<div class="table" tabindex="0" role="region" aria-label="${label}"><table>
<thead><tr>${header.map((title) => html`<th scope="col"${title === "verdict" ? words : null}>${title}</th>`)}</tr></thead>
<tbody>${rows}</tbody></table></div>`;
}
const words = html` class="words"`;

function row(head: Part, cells: readonly Part[], look = ""): Markup {
  return html`<tr class="${look}"><th scope="row">${head}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`;
}

/** trialsTable has a row for each trial, the chosen one marked. */
export function trialsTable(report: Report): Markup {
  const { start, trials } = report;
  const chosen = report.result?.trial;
  const judged = start.objective.length > 0;
  const knowsServer = trials.some(({ cpu }) => cpu.server !== null);
  const header = [
    "trial",
    "offered (queries/s)",
    "sent (queries/s)",
    "time (s)",
    "n",
    "loss",
    "p50",
    "p99",
    "p99.9",
    "generator (cores)",
    ...(knowsServer ? ["server (cores)"] : []),
    "verdict",
  ];
  const rows = trials.map((trial) => {
    const cells = [
      count(trial.offered_qps),
      count(trial.sent_qps),
      trial.seconds.toFixed(1),
      count(trial.sent),
      percent(lossOf(trial)),
      latency(trial.latency.p50_ns),
      latency(trial.latency.p99_ns),
      latency(trial.latency.p999_ns),
      trial.cpu.generator.toFixed(2),
      ...(knowsServer ? [trial.cpu.server === null ? "–" : trial.cpu.server.toFixed(2)] : []),
    ].map((cell) => html`<td>${cell}</td>`);
    const verdict = verdictOf(trial, judged);
    return html`<tr class="${trial.trial === chosen ? "chosen" : ""}" data-trial="${trial.trial}"><th scope="row">${trial.trial}</th>${cells}<td class="words ${verdict}">${verdictText(trial, judged)}</td></tr>`;
  });
  return table("Trials", header, rows);
}

/** countsTable tells what became of the chosen trial's queries, and whose loss each was. */
export function countsTable(report: Report): Markup {
  const trial = chosenTrial(report);
  if (!trial) return html`<p>No trial was finished.</p>`;
  const rcodes = Object.entries(trial.rcodes).sort(([, a], [, b]) => b - a);
  const fact = (name: string, n: number, what: string, total = trial.sent) =>
    html`<tr><th scope="row">${name}</th><td>${count(n)}</td><td>${total > 0 ? percent(n / total) : "–"}</td><td class="words">${what}</td></tr>`;
  return html`<p class="quiet">Trial ${trial.trial}: ${count(trial.offered_qps)} queries/s for ${trial.seconds.toFixed(1)} s.</p>${table(
    "Counts",
    ["", "queries", "share", ""],
    [
      fact(
        "Sent",
        trial.sent,
        `over ${count(trial.ports.used)} source ports, ${count(trial.ports.least)} to ${count(trial.ports.most)} on each`,
      ),
      fact(
        "Answered",
        trial.answered,
        trial.answer_octets === null ? "" : `${trial.answer_octets.toFixed(0)} octets on average`,
      ),
      ...rcodes.map(([rcode, n]) => fact(`– ${rcode}`, n, "of the answered", trial.answered)),
      fact("– truncated", trial.truncated, "of the answered, with TC set", trial.answered),
      fact("Lost: no answer in time", trial.timeouts, "the server's, or the network's"),
      fact("Lost: ICMP error", trial.unreachable, "nobody listens at the port, or the path is closed"),
      fact(
        "Lost at this host",
        trial.voided,
        "in its own receive queue, or while the generator stood still: not the server's",
      ),
      fact("Could not be sent", trial.send_failed, "refused by this host: not the server's"),
      fact("Cancelled", trial.cancelled, "in flight when the trial was ended"),
      html`<tr><th scope="row">Beside these</th><td>${count(trial.late + trial.foreign + trial.malformed)}</td><td>–</td><td class="words">answers: late ${count(trial.late)}, foreign ${count(trial.foreign)}, malformed ${count(trial.malformed)}</td></tr>`,
    ],
  )}`;
}

/** spectrumTable tells the percentiles of the trials that the spectrum shows, with their 95 % confidence intervals. */
export function spectrumTable(report: Report): Markup {
  const trials = spectrumTrials(report);
  const shares = [0.5, 0.9, 0.95, 0.99, 0.999, 0.9999];
  const header = ["percentile", ...trials.map(({ trial, offered_qps }) => `trial ${trial}, ${count(offered_qps)}/s`)];
  const rows = shares.map((share) =>
    row(
      `p${Number((share * 100).toFixed(4))}`,
      trials.map((trial) => {
        const { value, lower, upper } = quantileInterval(trial.buckets, share);
        return `${latency(Math.min(value, trial.latency.max_ns ?? value))} [${latency(lower)}, ${latency(upper)}]`;
      }),
    ),
  );
  const least = row(
    "min",
    trials.map((trial) => latency(trial.latency.min_ns)),
  );
  const most = row(
    "max",
    trials.map((trial) => latency(trial.latency.max_ns)),
  );
  const counts = row(
    "n",
    trials.map((trial) => count(toldOf(trial))),
  );
  return html`${table("Percentiles", header, [least, ...rows, most, counts])}<p class="quiet">In brackets: where the percentile lies with 95 % confidence.</p>`;
}

/** secondsTable tells latency or loss of each second. */
export function secondsTable({ trials }: Report, what: "latency" | "loss"): Markup {
  const header = ["trial, second", "n", ...(what === "latency" ? ["p50", "p99"] : ["lost", "share"])];
  const rows = trials.flatMap(({ trial, moments }) =>
    moments.map(({ at_seconds, sent, lost, p50_ns, p99_ns }) =>
      row(`${trial}, ${at_seconds}`, [
        count(sent),
        ...(what === "latency"
          ? [latency(p50_ns), latency(p99_ns)]
          : [count(lost), sent > 0 ? percent(lost / sent) : "–"]),
      ]),
    ),
  );
  return table(what === "latency" ? "Latency over time" : "Loss over time", header, rows);
}

/** rcodesTable tells the answers of each second by rcode. */
export function rcodesTable({ trials }: Report): Markup {
  const rcodes = [...new Set(trials.flatMap(({ moments }) => moments.flatMap((moment) => Object.keys(moment.rcodes))))];
  const rows = trials.flatMap(({ trial, moments }) =>
    moments.map((moment) =>
      row(
        `${trial}, ${moment.at_seconds}`,
        rcodes.map((rcode) => count(moment.rcodes[rcode] ?? 0)),
      ),
    ),
  );
  return table("Response codes over time", ["trial, second", ...rcodes], rows);
}

/** environmentTable tells what was asked for, and of what host. */
export function environmentTable({ start, result }: Report): Markup {
  const { environment, settings, ceiling, target } = start;
  const facts: [string, Part][] = [
    [
      "Target",
      `${target.address}, port ${target.port}, over ${environment.path === "loopback" ? "the loopback device" : "a network device"}`,
    ],
    ["Queries", start.queries],
    ["Load", start.mode],
    ["Objective", start.objective.join(", ") || "none"],
    [
      "Result",
      result
        ? `${result.status}${result.reason === null ? "" : ` (${result.reason})`}, ${result.trials} trials, ${result.seconds.toFixed(0)} s`
        : "none: the run did not end",
    ],
    ["Generator", `${environment.host}: ${environment.cpu}, ${environment.cpus} CPUs`],
    ["Software", `anyprobe ${environment.anyprobe}, Node.js ${environment.node}, Linux ${environment.kernel}`],
    [
      "Calibration",
      ceiling ? `${count(ceiling.qps)} queries/s on such a path, measured ${ceiling.measured_at}` : "not measured",
    ],
    ...Object.entries(settings).map(([name, value]): [string, Part] => [name, String(value)]),
  ];
  return html`<div class="table"><table class="facts"><tbody>${facts.map(([name, value]) => row(name, [value]))}</tbody></table></div>`;
}

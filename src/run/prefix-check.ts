// One check of one service at one prefix: what it asks, how it stands, and what it measured.
import { Check, type Transition } from "../health/check.js";
import { type Finding, judge, type Verdict } from "../health/verdict.js";
import { LatencyHistogram } from "../measure/histogram.js";
import { isUdp } from "../probe/query.js";
import { addressOf, type Prefix } from "../route/prefix.js";
import { nsPerMs } from "../units.js";
import type { CheckConfig } from "./config.js";

/** Judged is what one row of results came to. */
export interface Judged {
  readonly verdict: Verdict;
  readonly transition: Transition | undefined;
}

/** BIND takes about as long as a burst of three on an idle host, and more on a busy one. */
const patienceMs = 1000;
const wildcards = new Set(["0.0.0.0", "::"]);

const passed: Verdict = { kind: "pass" };
/** The octets of a DNS message's id, its first. */
const idLength = 2;

/** PrefixCheck judges the rows of its probes in a Check and keeps the latencies of answers. */
export class PrefixCheck {
  /** The anycast address that is asked. */
  readonly address: string;
  check: Check;
  readonly latency = new LatencyHistogram();
  readonly verdicts = { pass: 0, fail: 0, unknown: 0 };
  last: { readonly verdict: Verdict; readonly sentNs: number } | undefined;
  #passedOctets: Uint8Array | undefined;
  /** When the newest pass was sent. */
  passedNs = Number.NEGATIVE_INFINITY;
  /** When the newest verdict of any kind came. */
  judgedNs = Number.NEGATIVE_INFINITY;
  /** When it came to the state that it is in; undefined before its first transition. */
  sinceNs: number | undefined;
  /** So many probes of the burst that a hint started are not judged yet. */
  confirming = 0;

  /** Failures of probes sent before then say nothing: the server may not have seen yet that its address is back. */
  #patientUntilNs = Number.NEGATIVE_INFINITY;

  constructor(
    readonly service: string,
    readonly prefix: Prefix,
    readonly config: CheckConfig,
  ) {
    this.address = addressOf(prefix);
    this.check = freshCheck(config);
  }

  /** bePatient gives the server time to open its socket again at an address that has just come back. */
  bePatient(nowNs: number): void {
    this.#patientUntilNs = nowNs + patienceMs * nsPerMs;
  }

  /** startOver forgets what was decided: the next probes decide as after a start. */
  startOver(): void {
    this.check = freshCheck(this.config);
  }

  /** The interval that it wants to be asked at now. */
  get intervalMs(): number {
    return this.check.asking === "fast" ? this.config.fastIntervalMs : this.config.intervalMs;
  }

  /** mayAsk tells whether its probes may go to a socket that is bound like this; those of a program, to any at its address. */
  mayAsk({ address, port }: { readonly address: string; readonly port: number }): boolean {
    const { port: asked = port } = this.config;
    return port === asked && (wildcards.has(address) || address === this.address);
  }

  /** An answer that repeats the last good one but for its id is as good: there is no need to read it again. */
  #passedBefore({ outcome, answer }: Finding): boolean {
    const { query, expect } = this.config;
    if (outcome !== "answered" || !answer || isUdp(query) || expect.maxRttMs !== undefined) return false;
    const before = this.#passedOctets;
    if (before?.length !== answer.length) return false;
    for (let i = idLength; i < answer.length; i++) if (answer[i] !== before[i]) return false;
    return true;
  }

  judge(finding: Finding, sentNs: number, nowNs: number): Judged {
    const found = this.#passedBefore(finding) ? passed : judge(finding, this.config.query, this.config.expect);
    if (found.kind === "pass" && found !== passed) this.#passedOctets = finding.answer?.slice();
    const verdict = found.kind === "fail" && sentNs < this.#patientUntilNs ? tooEarly(found.reason) : found;
    this.verdicts[verdict.kind]++;
    if (this.confirming > 0) this.confirming--;
    this.last = { verdict, sentNs };
    this.judgedNs = nowNs;
    if (finding.outcome === "answered") this.latency.record(finding.rttNs);
    if (verdict.kind === "pass") this.passedNs = Math.max(this.passedNs, sentNs);
    return { verdict, transition: this.check.judge(verdict, sentNs, finding.rttNs, nowNs) };
  }
}

function freshCheck({ rise, fall, stableForMs, confirm, intervalMs, timeoutMs }: CheckConfig): Check {
  return new Check({
    rise,
    fall,
    stableForNs: stableForMs * nsPerMs,
    confirmForNs: confirm.forMs * nsPerMs,
    // As long as a death would take to be seen, and one interval more: by then there should have been an answer or none.
    unknownAfterNs: ((fall + 1) * intervalMs + timeoutMs) * nsPerMs,
  });
}

function tooEarly(reason: string): Verdict {
  return { kind: "unknown", reason: `${reason}, but the address has only just come back` };
}

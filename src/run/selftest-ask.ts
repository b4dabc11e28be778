// How the selftest asks: with the prober's own askers, sockets and guards, believing only what this node itself answered.
import { setTimeout as sleep } from "node:timers/promises";
import type { ResultBatch } from "../engine/batch.js";
import { Engine, type Run } from "../engine/engine.js";
import { listLocalRoutes } from "../engine/netlink.js";
import { NetlinkWatch } from "../engine/netlink-watch.js";
import { type Finding, judge, type Verdict } from "../health/verdict.js";
import { outcomes } from "../probe/outcome.js";
import type { Plan, Schedule } from "../probe/plan.js";
import { isCommand, isUdp, type Query } from "../probe/query.js";
import { familyOf } from "../probe/target.js";
import type { Prefix } from "../route/prefix.js";
import { type Asker, methodOf, type Slot, type Tell } from "./asker.js";
import type { CheckConfig } from "./config.js";
import { ExecAsker } from "./exec-asker.js";
import { Locality } from "./locality.js";
import { OneShotAsker } from "./one-shot-asker.js";
import { PrefixCheck } from "./prefix-check.js";
import { TcpAsker } from "./tcp-asker.js";

/** Question is what a check of a service asks for one prefix, at one address. */
export interface Question {
  readonly service: string;
  readonly prefix: Prefix;
  readonly check: CheckConfig;
  readonly address: string;
  /** false: kept in by the mark rule alone; default true. */
  readonly localOnly?: boolean;
}

/** Told is what came of one probe. */
export interface Told {
  /** What happened, wherever it came from. */
  readonly finding: Finding;
  /** What it means, if the target was this node's from before it was sent until now. */
  readonly verdict: Verdict;
  /** A DNS answer that says that there was more than fitted. */
  readonly truncated: boolean;
}

export interface AskingOptions {
  readonly source: { readonly ipv4?: string; readonly ipv6?: string };
  readonly mark: number | undefined;
}

const engineOptions = { ringRows: 4096, answerOctets: 1232, batchRows: 1024 };
const gapMs = 20;
/** So often it is asked again what our own stalls left unsaid. */
const patience = 5;
/** What came late is read a little after it is overdue. */
const slackMs = 250;
/** In the third octet of a DNS message (RFC 1035, 4.1.1). */
const tcBit = 0x02;

/** Asking asks until it is closed. */
export class Asking {
  readonly #options: AskingOptions;
  readonly #watch = new NetlinkWatch();
  readonly #locality = new Locality(listLocalRoutes);
  readonly #engine = new Engine(engineOptions, (batch) => this.#heed(batch));
  /** By the probe's number. */
  readonly #tells = new Map<number, Tell>();
  readonly #askers = new Set<Asker>();

  constructor(options: AskingOptions) {
    this.#options = options;
    this.#watch.subscribe((events) => this.#locality.handle(events));
  }

  isLocal(address: string): boolean {
    this.#watch.poll();
    return this.#locality.isLocal(address);
  }

  /**
   * ask asks `count` times, and again for every probe that says nothing because this process stood still. Rejects with
   * EngineError where the kernel refuses the socket.
   */
  async ask(question: Question, count: number): Promise<readonly Told[]> {
    const told: Told[] = [];
    let more = () => {};
    const asker = this.#open(question, (one) => {
      told.push(one);
      more();
    });
    try {
      for (let tries = 0, kept = 0; kept < count; tries++) {
        const awaited = told.length + asker.burst(count - kept, gapMs);
        while (told.length < awaited) await new Promise<void>((resolve) => (more = resolve));
        kept = tries < patience ? told.filter(isSaying).length : told.length;
      }
    } finally {
      this.#letGo(asker);
    }
    const saying = told.filter(isSaying);
    return saying.length > 0 ? saying : told;
  }

  /** askFor asks for so many seconds at the check's fast interval, and with a confirming burst at the start of each. */
  async askFor(question: Question, seconds: number): Promise<readonly Told[]> {
    const { fastIntervalMs, timeoutMs, confirm } = question.check;
    const told: Told[] = [];
    const asker = this.#open(question, (one) => told.push(one));
    try {
      asker.pace(fastIntervalMs, 0);
      for (let second = 0; second < seconds; second++) {
        asker.burst(confirm.probes, confirm.intervalMs);
        await sleep(1000);
      }
      asker.pace(0, 0);
      await sleep(timeoutMs + slackMs);
    } finally {
      this.#letGo(asker);
    }
    return told;
  }

  /** close ends it; what was not told by then never is. Idempotent. */
  close(): void {
    for (const asker of this.#askers) this.#letGo(asker);
    this.#tells.clear();
    this.#engine.close();
    this.#watch.close();
  }

  #letGo(asker: Asker) {
    if (this.#askers.delete(asker)) asker.close();
  }

  #open(question: Question, heard: (told: Told) => void): Asker {
    const asker = this.#askerOf(question, heard);
    this.#askers.add(asker);
    return asker;
  }

  #askerOf(question: Question, heard: (told: Told) => void): Asker {
    const { service, prefix, check, address } = question;
    const slot: Slot = { check: new PrefixCheck(service, prefix, check), place: "anycast", address };
    const tell: Tell = (finding, sentNs) => heard(this.#judge(question, finding, sentNs));
    const isLocal = () => this.isLocal(address);
    const submit = (probes: Plan["probes"], schedule: Schedule) => this.#submit(question, probes, schedule, tell);
    switch (methodOf(check)) {
      case "exec":
        return new ExecAsker({ slot, isLocal, tell });
      case "tcp":
        return new TcpAsker({ slot, source: this.#sourceOf(address), isLocal, tell });
      case "one-shot":
        return new OneShotAsker({ slot, submit: (probes) => submit(probes, { replay: true }), tell });
      case "engine": {
        const target = { address, port: check.port! };
        return new RunAsker(submit([{ target, query: check.query as Query }], { intervalMs: 0 }));
      }
    }
  }

  #submit({ check, localOnly = true }: Question, probes: Plan["probes"], schedule: Schedule, tell: Tell): Run {
    const { source, mark } = this.#options;
    const { timeoutMs } = check;
    const guards = { localOnly, ...(mark !== undefined && { mark }) };
    const run = this.#engine.submit({ probes, schedule, timeoutMs, source, ports: 1, ...guards });
    for (let i = 0; i < probes.length; i++) this.#tells.set(run.first + i, tell);
    return run;
  }

  #sourceOf(address: string): string | undefined {
    const { ipv4, ipv6 } = this.#options.source;
    return familyOf(address) === 4 ? ipv4 : ipv6;
  }

  #heed(batch: ResultBatch) {
    this.#watch.poll();
    for (let i = 0; i < batch.length; i++) {
      const [outcome, at] = [outcomes[batch.outcome[i]!]!, batch.answerAt[i]!];
      const answer = outcome === "answered" ? batch.bytes.subarray(at, at + batch.answerLength[i]!) : undefined;
      const [rcode, errno, rttNs] = [batch.rcode[i]!, batch.errno[i]!, batch.rttNs[i]!];
      this.#tells.get(batch.probe[i]!)?.({ outcome, rcode, errno, rttNs, answer }, batch.sentNs[i]!);
    }
  }

  #judge({ check, address }: Question, finding: Finding, sentNs: number): Told {
    const sinceNs = this.#locality.localSinceNs(address);
    const local = sinceNs !== undefined && sinceNs <= sentNs;
    const ownTrouble = ["send-failed", "voided", "cancelled", "not-started"].includes(finding.outcome);
    const believed: Finding = local || ownTrouble ? finding : { ...finding, outcome: "not-local" };
    const { query, expect } = check;
    const isDns = !isUdp(query) && !isCommand(query);
    return {
      // The answer's octets are the batch's, and gone with it.
      finding: { ...finding, answer: undefined },
      verdict: judge(believed, query, expect),
      truncated: isDns && ((finding.answer?.[2] ?? 0) & tcBit) !== 0,
    };
  }
}

/** RunAsker is a run of one probe, which ends with it. */
class RunAsker implements Asker {
  readonly #run: Run;

  constructor(run: Run) {
    this.#run = run;
  }

  pace(intervalMs: number, firstInMs: number): void {
    this.#run.pace(0, intervalMs, firstInMs);
  }

  burst(count: number, gapMs: number): number {
    this.#run.burst(0, count, gapMs);
    return count;
  }

  close(): void {
    this.#run.cancel();
  }
}

function isSaying({ finding }: Told): boolean {
  return finding.outcome !== "voided";
}

/** reasonsOf counts what did not pass, most frequent first: `timeout (3), rcode REFUSED, expected NOERROR (1)`. */
export function reasonsOf(told: readonly Told[]): string {
  const counts = new Map<string, number>();
  for (const { verdict } of told) {
    if (verdict.kind !== "pass") counts.set(verdict.reason, (counts.get(verdict.reason) ?? 0) + 1);
  }
  const ranked = [...counts].toSorted(([, a], [, b]) => b - a);
  return ranked.map(([reason, count]) => `${reason} (${count} of ${told.length})`).join(", ");
}

/** slowestNs gives the longest round trip. */
export function slowestNs(told: readonly Told[]): number {
  return Math.max(...told.map(({ finding }) => finding.rttNs));
}

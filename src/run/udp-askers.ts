// Asks over UDP through one engine of its own: checks whose question stays the same by the engine's own beat, those with a
// random label by a plan for each probe.
import type { ResultBatch } from "../engine/batch.js";
import { type Counters, Engine, type Run } from "../engine/engine.js";
import type { Finding } from "../health/verdict.js";
import { outcomes } from "../probe/outcome.js";
import type { Plan, Probe } from "../probe/plan.js";
import type { Query } from "../probe/query.js";
import { type Asker, methodOf, RunAsker, type Slot } from "./asker.js";
import { OneShotAsker } from "./one-shot-asker.js";

export interface UdpAskersOptions {
  readonly source: { readonly ipv4?: string; readonly ipv6?: string };
  /** The mark of the probes' packets; undefined where marking is not permitted. */
  readonly mark: number | undefined;
  /** Called with each probe that has come to its end; answers are valid until it returns. */
  readonly found: (slot: Slot, finding: Finding, sentNs: number) => void;
  /** Called before and after each batch of them. */
  readonly begin: () => void;
  readonly end: () => void;
}

/** Passes can wait for the next probes to be sent; a failure never does, but for a wrong record in an answer that is otherwise well. ms */
export const patienceMs = 50;
// A few thousand probes can wait for a busy event loop, with answers of the size that EDNS allows them.
const engineOptions = { ringRows: 4096, answerOctets: 1232, batchRows: 1024, patienceMs };

/** UdpAskers asks until it is closed. */
export class UdpAskers {
  readonly #options: UdpAskersOptions;
  readonly #engine: Engine;
  /** By the number of their probe in the engine's rows: those that it asks again and again, and those that it asks once. */
  readonly #slots: Slot[] = [];
  readonly #oneShots = new Map<number, Slot>();

  constructor(options: UdpAskersOptions) {
    this.#options = options;
    this.#engine = new Engine(engineOptions, (batch) => this.#read(batch));
  }

  /** open makes an asker for each slot; once only. Throws EngineError where the kernel refuses the sockets. */
  open(slots: readonly Slot[]): Map<Slot, Asker> {
    const askers = new Map<Slot, Asker>();
    const steady = slots.filter(({ check }) => methodOf(check.config) === "engine");
    // One run for each timeout: a run's probes expire in the order in which they were sent.
    for (const timeoutMs of new Set(steady.map(({ check }) => check.config.timeoutMs))) {
      const group = steady.filter(({ check }) => check.config.timeoutMs === timeoutMs);
      const probes = group.map(({ check, place, address }) => ({
        target: { address, port: check.config.port! },
        query: check.config.query as Query,
        intervalMs: place === "anycast" ? check.config.intervalMs : 0,
      }));
      const run = this.#submit(probes, { intervalMs: 0 }, timeoutMs);
      group.forEach((slot, index) => {
        this.#slots.push(slot);
        askers.set(slot, new RunAsker(run, index));
      });
    }
    for (const slot of slots) if (!askers.has(slot)) askers.set(slot, this.#openOneShot(slot));
    return askers;
  }

  counters(): Counters {
    return this.#engine.counters();
  }

  /** stop ends all and reports what is left. */
  stop(): void {
    this.#engine.stop();
  }

  close(): void {
    this.#engine.close();
  }

  #openOneShot(slot: Slot): Asker {
    const { begin, found, end } = this.#options;
    const submit = (probes: readonly Probe[]) => {
      const run = this.#submit(probes, { replay: true }, slot.check.config.timeoutMs);
      for (const index of probes.keys()) this.#oneShots.set(run.first + index, slot);
    };
    const tell = (finding: Finding, sentNs: number) => {
      begin();
      found(slot, finding, sentNs);
      end();
    };
    return new OneShotAsker({ slot, submit, tell });
  }

  #submit(probes: readonly Probe[], schedule: Plan["schedule"], timeoutMs: number): Run {
    const { source, mark } = this.#options;
    const guards = { source, localOnly: true, ...(mark !== undefined && { mark }) };
    return this.#engine.submit({ probes, schedule, timeoutMs, ports: 1, ...guards });
  }

  #read(batch: ResultBatch) {
    const { begin, found, end } = this.#options;
    begin();
    for (let i = 0; i < batch.length; i++) {
      const slot = this.#slots[batch.probe[i]!] ?? this.#takeOneShot(batch.probe[i]!);
      const outcome = outcomes[batch.outcome[i]!]!;
      const at = batch.answerAt[i]!;
      const finding = {
        outcome,
        rcode: batch.rcode[i]!,
        errno: batch.errno[i]!,
        rttNs: batch.rttNs[i]!,
        answer: outcome === "answered" ? batch.bytes.subarray(at, at + batch.answerLength[i]!) : undefined,
      };
      found(slot, finding, batch.sentNs[i]!);
    }
    end();
  }

  #takeOneShot(probe: number): Slot {
    const slot = this.#oneShots.get(probe)!;
    this.#oneShots.delete(probe);
    return slot;
  }
}

// How well services do what they do: their objectives, fed by the samples of their gate checks, one for each service at each of
// its prefixes.
import { isDeepStrictEqual } from "node:util";
import { Objective, type ObjectiveReport, type Sample } from "../health/objective.js";
import type { Prefix } from "../route/prefix.js";
import { monotonicNs } from "../units.js";
import type { Config, ObjectiveConfig } from "./config.js";

interface Watched {
  readonly service: string;
  readonly prefix: Prefix;
  readonly rules: ObjectiveConfig;
  readonly objective: Objective;
  /** Since when it is fed. */
  readonly startNs: number;
  report: ObjectiveReport;
}

/** Quality keeps the objectives of one config. */
export class Quality {
  readonly #watched = new Map<string, Watched>();

  /** Takes over the samples of objectives that are configured just the same. */
  constructor(config: Config, earlier?: Quality) {
    for (const { name, prefixes, objective: rules } of config.services) {
      if (!rules) continue;
      for (const prefix of prefixes) {
        const key = keyOf(name, prefix);
        const known = earlier ? earlier.#watched.get(key) : undefined;
        this.#watched.set(key, known && isDeepStrictEqual(known.rules, rules) ? known : begin(name, prefix, rules));
      }
    }
  }

  record(service: string, prefix: Prefix, sample: Sample): void {
    this.#watched.get(keyOf(service, prefix))?.objective.record(sample);
  }

  /** tick judges all objectives; it returns those that are breached now and were not before, or the other way round. */
  tick(
    nowNs: number,
  ): readonly { readonly service: string; readonly prefix: Prefix; readonly report: ObjectiveReport }[] {
    return [...this.#watched.values()].flatMap((watched) => {
      const before = watched.report.breached;
      watched.report = watched.objective.report(nowNs);
      return watched.report.breached === before ? [] : [watched];
    });
  }

  reportOf(service: string, prefix: Prefix): ObjectiveReport | null {
    return this.#watched.get(keyOf(service, prefix))?.report ?? null;
  }

  /** isSure tells whether a whole window with enough samples has been seen: else, that nothing is breached says little. */
  isSure(service: string, prefix: Prefix, nowNs: number): boolean {
    const watched = this.#watched.get(keyOf(service, prefix));
    if (watched === undefined) return true;
    const { startNs, rules, report } = watched;
    return nowNs - startNs >= rules.windowNs && report.samples >= rules.minSamples;
  }
}

function begin(service: string, prefix: Prefix, rules: ObjectiveConfig): Watched {
  const startNs = monotonicNs();
  const objective = new Objective(rules);
  return { service, prefix, rules, objective, startNs, report: objective.report(startNs) };
}

const keyOf = (service: string, prefix: Prefix) => `${service} ${prefix}`;

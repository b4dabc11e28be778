// Counters of what happens now and then, kept from the journal: changes of checks, actions of drivers, and events of each kind.
// Reasons are a stranger's words in part, an answer or a program's line: what is counted by them is one of a few words.
import { constants } from "node:os";
import { type Collection, describe } from "../metrics/exposition.js";
import type { Journal, JournalEvent } from "./journal.js";
import type { CheckEvidence } from "./narrate.js";

/** countMetrics are counted from the start of the daemon. */
export const countMetrics = {
  transitions: describe(
    "counter",
    "anyprobe_transitions_total",
    ["service", "prefix", "from", "to", "reason"],
    "Changes of checks, with the commonest cause in a word or two.",
  ),
  actions: describe(
    "counter",
    "anyprobe_actions_total",
    ["driver", "action", "result"],
    "What drivers did: announce, withdraw or deprefer; ok or error.",
  ),
  events: describe(
    "counter",
    "anyprobe_events_total",
    ["kind", "level"],
    "Events of the journal; level info, warn or error.",
  ),
};

/** EventCounts counts from construction until it is disposed of. */
export class EventCounts implements Disposable {
  readonly #counts = new Map<keyof typeof countMetrics, Map<string, { values: string[]; count: number }>>();
  readonly #stop: () => void;

  constructor(journal: Journal) {
    for (const name of Object.keys(countMetrics)) this.#counts.set(name as keyof typeof countMetrics, new Map());
    this.#stop = journal.subscribe((event) => this.#take(event));
  }

  collect(to: Collection): void {
    for (const [name, counts] of this.#counts)
      for (const { values, count } of counts.values()) to.add(countMetrics[name], values, count);
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  #take({ kind, level, service = "", prefix = "", evidence = {} }: JournalEvent) {
    this.#count("events", [kind, level]);
    if (kind === "check") {
      const { from, to, causes } = evidence as unknown as CheckEvidence;
      this.#count("transitions", [service, prefix, from, to, reasonOf(to, causes)]);
    } else if (kind === "action") {
      const { driver, action, error } = evidence as { driver: string; action: string; error?: string };
      this.#count("actions", [driver, action, error === undefined ? "ok" : "error"]);
    }
  }

  #count(name: keyof typeof countMetrics, values: string[]) {
    const counts = this.#counts.get(name)!;
    const key = values.join("\n");
    const known = counts.get(key);
    if (known) known.count++;
    else counts.set(key, { values, count: 1 });
  }
}

/** What judge() says in the same words each time. */
const fixed = new Set([
  "timeout",
  "port unreachable",
  "host unreachable",
  "net unreachable",
  "administratively prohibited",
  "host unknown",
  "host isolated",
  "protocol unreachable",
  "connection refused",
  "connection closed before the answer",
  "answer to another question",
  "truncated answer",
  "not local",
  "prober stalled",
  "cancelled",
]);

/** reasonOf puts what a check's change rests on into a few words; `other` where it is an answer's content, or a program's. */
export function reasonOf(to: CheckEvidence["to"], causes: CheckEvidence["causes"]): string {
  if (to === "up" || to === "rising") return "pass";
  const [worst] = causes.filter(({ cause }) => cause !== "pass").sort((a, b) => b.count - a.count);
  if (!worst) return "no answer was judged";
  const { cause } = worst;
  if (fixed.has(cause)) return cause;
  if (cause.startsWith("rtt ")) return "slow";
  if (cause.startsWith("malformed answer")) return "malformed answer";
  return /^rcode [A-Z]+(?=, expected)/.exec(cause)?.[0] ?? (Object.hasOwn(constants.errno, cause) ? cause : "other");
}

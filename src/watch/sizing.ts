// How large the engine of a watch must be, so that it goes on asking at its pace even where nobody answers: then all probes of a
// whole timeout are in flight, and each has an id of its port and a row for its end.
import { familyOf, type Target } from "../probe/target.js";

/** Half of the ids that a port has: with more in flight an id would come back too soon. */
const mostInFlight = 32_768;
const mostPorts = 1024;
const mostRows = 2 ** 24;
/** Rows that can wait for JavaScript beside those of probes in flight, also where there are few. */
const leastWaiting = 1024;
/** The octets kept of all answers take this much memory at most, but for `leastOctets` of each. */
const answerMemory = 64 << 20;
const leastOctets = 256;

export interface Pace {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly shards: number;
  /** Octets that are wanted of each answer; of these, some will do where `whole` is false. */
  readonly octets: number;
  readonly whole: boolean;
}

/** sizesFor gives what the engine and the plan want. */
export function sizesFor(targets: readonly Target[], { intervalMs, timeoutMs, shards, octets, whole }: Pace) {
  const inFlight = (count: number) => Math.ceil((count * timeoutMs) / intervalMs / shards);
  const ipv4 = targets.reduce((sum, { address }) => sum + (familyOf(address) === 4 ? 1 : 0), 0);
  const ports = Math.ceil(inFlight(Math.max(ipv4, targets.length - ipv4)) / mostInFlight) || 1;
  const rows = 2 ** Math.ceil(Math.log2(inFlight(targets.length) * 1.25 + leastWaiting));
  const ringRows = Math.min(mostRows, rows);
  const kept = Math.max(leastOctets, Math.floor(answerMemory / ringRows));
  return { ports: Math.min(mostPorts, ports), ringRows, answerOctets: whole ? octets : Math.min(octets, kept) };
}

// Whether a trial was limited by the generator: then it says nothing of the server, and must never be called its capacity.
import type { Counters } from "../engine/engine.js";
import { formatDuration, nsPerMs } from "../units.js";
import type { Objective } from "./objective.js";
import type { Counts, Miss } from "./record.js";
import type { Tally } from "./tally.js";

/** Offered is what is known of how a load was offered. */
export interface Offered {
  readonly counts: Counts;
  readonly counters: Pick<Counters, "receiveDrops" | "stalls" | "tableFull" | "ringFull">;
  readonly tally: Pick<Tally, "lateness">;
  readonly objective: Objective;
  readonly misses: readonly Miss[];
  /** undefined: no rate was wanted, or not to the end. */
  readonly wantedQps: number | undefined;
  readonly sentQps: number;
  readonly ceilingQps: number | undefined;
}

/** Less of the wanted rate than this was not it. */
const leastShare = 0.99;
/**
 * What was this late and more left in a burst, which a server may lose where it would have held the rate. So where no more was
 * lost than twice what was so late, it is not known whose loss it was.
 */
const burstNs = 2 * nsPerMs;
const burstFactor = 2;
/** Of a latency that is missed, so much lateness makes it doubtful whose it is. */
const doubtfulShare = 0.5;
/** So much lost at this host leaves open what would have come of it. */
const mostVoided = 0.001;
/** Nearer to the ceiling than this, a result is as much the generator's as the server's. */
const nearCeiling = 0.95;

/** generatorLimit says why a trial tells nothing of the server; null where it does. */
export function generatorLimit(offered: Offered): string | null {
  const { counts, counters, tally, objective, misses, wantedQps, sentQps, ceilingQps } = offered;
  const { lateness } = tally;
  if (wantedQps !== undefined && sentQps < leastShare * wantedQps)
    return `it sent ${perSecond(sentQps)} where ${perSecond(wantedQps)} were wanted`;
  for (const { limit, got } of misses) {
    const { percentile, below } = objective.find(({ text }) => text === limit)!;
    if (percentile !== undefined) {
      const ns = lateness.percentileNs(percentile);
      if (ns > doubtfulShare * below)
        return `${limit} was missed, but queries themselves left up to ${formatDuration(ns)} late`;
    } else {
      const late = lateness.countAbove(burstNs);
      if (burstFactor * late >= got * counts.sent)
        return `${limit} was missed, but ${late.toLocaleString("en")} queries left ${formatDuration(burstNs)} late or more, in bursts`;
    }
  }
  const mostLost = Math.min(
    mostVoided,
    ...objective.filter(({ metric }) => metric === "loss").map(({ below }) => below),
  );
  if (counts.voided > mostLost * counts.sent)
    return `${counts.voided.toLocaleString("en")} queries were lost at this host (${voidedBy(counters)})`;
  if (counts.send_failed > mostLost * counts.sent)
    return `the kernel refused to send ${counts.send_failed.toLocaleString("en")} queries`;
  // What held near it was offered; what missed there may have missed for want of a better generator.
  if (wantedQps !== undefined && ceilingQps !== undefined && misses.length > 0 && wantedQps > nearCeiling * ceilingQps)
    return `${perSecond(wantedQps)} is near the ${perSecond(ceilingQps)} that it reaches at most`;
  return null;
}

/** notesOf tells what may look like something else. */
export function notesOf(counts: Counts): string[] {
  const { answered, timeouts, rcodes, truncated, late } = counts;
  const notes: string[] = [];
  const share = (count: number) => `${((100 * count) / answered).toPrecision(3)} %`;
  const refused = rcodes["REFUSED"] ?? 0;
  const much = answered / 100;
  if (refused > much)
    notes.push(`${share(refused)} of the answers are REFUSED: the server may limit the rate of its clients`);
  if (truncated > much && timeouts > much)
    notes.push(
      `${share(truncated)} of the answers are truncated and ${timeouts.toLocaleString("en")} queries were lost: so does response-rate limiting look`,
    );
  else if (truncated > much)
    notes.push(`${share(truncated)} of the answers are truncated: clients would ask again over TCP`);
  if (late > timeouts / 2 && late > 0)
    notes.push(`${late.toLocaleString("en")} answers came after the timeout: they are counted as lost`);
  return notes;
}

function voidedBy({ receiveDrops, stalls }: Offered["counters"]): string {
  const reasons = [
    receiveDrops > 0 && `its receive queues dropped ${receiveDrops.toLocaleString("en")} packets at least`,
    stalls > 0 && `it stood still ${stalls} times`,
  ];
  return reasons.filter(Boolean).join(", ") || "in its receive queues, or while it stood still";
}

function perSecond(qps: number): string {
  return `${Math.round(qps).toLocaleString("en")}/s`;
}

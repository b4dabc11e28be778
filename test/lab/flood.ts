// A flood at the ports of a watch: forged answers, what is no message, and forged ICMP errors, from another namespace. They end no probe,
// and the true targets are measured on, with and without the flood side by side; what the watch's own queue drops is void, and no loss.
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicNs, nsPerSecond } from "../../src/units.js";
import { bars, cpuSeconds, type Experiment, round } from "./figures.js";
import { FloodStage, type Watched } from "./flood-stage.js";

/** FloodTerms are the sizes of one experiment. */
export interface FloodTerms {
  readonly targets: number;
  readonly intervalMs: number;
  readonly perSecond: number;
  readonly seconds: number;
}

/** Of what is flooded so much must arrive, else nothing was shown. */
const leastShare = 0.9;
/** The watch's queue runs over where its thread has to wait for a core, and then it does not know: no more often than this. */
const mostVoidedPercent = 5;

export const flood: Experiment = {
  summary: "a watch of 100 targets beside 200,000 foreign packets/s at its ports: what is lost, void, and how late",
  run: ({ seconds = 10 }, say) => measureFlood({ targets: 100, intervalMs: 100, perSecond: 200_000, seconds }, say),
};

/** measureFlood watches the same targets twice, alone and beside a flood. */
export async function measureFlood(terms: FloodTerms, say: (text: string) => void) {
  await using stage = await FloodStage.create(terms.targets);
  const alone = await measureWatch(stage, terms, () => sleep(terms.seconds * 1000));
  say(`alone: ${JSON.stringify(alone)}`);
  let flooded = { sent: 0, perSecond: 0 };
  const beside = await measureWatch(stage, terms, async () => {
    await using actor = await stage.flood(terms.perSecond);
    await using _ = stage.forge();
    await sleep(terms.seconds * 1000);
    flooded = await actor.end();
  });
  say(`beside: ${JSON.stringify(beside)}`);
  const met = beside.foreign + beside.late + beside.malformed + beside.receive_drops;
  const figures = {
    flood_per_s: round(flooded.perSecond, 0),
    flood_met_share: round(met / flooded.sent, 3),
    lost_of_true_targets: beside.lost,
    voided: beside.voided,
    p99_without_us: alone.p99_us,
    p99_with_us: beside.p99_us,
    cpu_percent: beside.cpu_percent,
    ...{ alone, beside },
  };
  const failures = [
    ...[alone, beside].flatMap((one, i) =>
      bars(["alone", "beside"][i]!, one, { lost: 0, wrong: 0, down: 0, rows_missing: 0 }),
    ),
    ...bars("beside", beside, { voided: (beside.ended * mostVoidedPercent) / 100 }),
    ...bars("flood", { missing: terms.perSecond - flooded.perSecond }, { missing: terms.perSecond * (1 - leastShare) }),
    ...bars("flood", { unmet: flooded.sent - met }, { unmet: flooded.sent * (1 - leastShare) }),
  ];
  return { figures, failures };
}

async function measureWatch(stage: FloodStage, { intervalMs }: FloodTerms, during: () => Promise<unknown>) {
  await using watcher = await stage.watch(intervalMs);
  const pid = watcher.child.pid!;
  const [cpu, fromNs] = [cpuSeconds(pid), monotonicNs()];
  await during();
  const cpuPercent = (100 * (cpuSeconds(pid) - cpu) * nsPerSecond) / (monotonicNs() - fromNs);
  return figuresOf(await watcher.end(), cpuPercent);
}

function figuresOf({ totals, counters, p50Us, p99Us }: Watched, cpuPercent: number) {
  const { ended, passed, wrong, timeouts, unreachable, voided, down } = totals;
  const { sent, rows, foreign, late, malformed, receiveDrops, stalls } = counters;
  return {
    ...{ ended, passed, wrong, lost: timeouts + unreachable, voided, down },
    ...{ rows_missing: sent - rows, foreign, late, malformed, receive_drops: receiveDrops, stalls },
    ...{ p50_us: round(p50Us, 1), p99_us: round(p99Us, 1), cpu_percent: round(cpuPercent, 1) },
  };
}

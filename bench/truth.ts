// `truth`: the engine's round trips against a capture of the same packets, and the law that every probe sent gives one row,
// under stops, deaths, loss and a blocked event loop. Over a veth between two network namespaces: a packet on loopback is
// captured only where it arrives, after the kernel has spent 1 to 2 us on its transmit stamp.
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { beforeExit } from "../src/demo/before-exit.js";
import { Namespace } from "../src/demo/namespace.js";
import { answererProgram } from "./build.js";
import { type Experiment, median, missed, round } from "./experiment.js";
import { answererCpu, generatorCpu, placed, type Server, serve } from "./place.js";
import { needs, needsRoot } from "./programs.js";
import { quiet } from "./quiet.js";
import { startCapture } from "./truth-capture.js";
import { type Comparison, compare, readRows, readWire } from "./truth-compare.js";
import type { TrialOptions, TrialResult } from "./truth-trial.js";

const program = fileURLToPath(new URL("truth-trial.ts", import.meta.url));

/** A precision case compares round trips, and a law case does something to a run; both must keep the law. */
interface Case {
  readonly rateQps: number;
  /** Keep the cores from falling asleep between two probes. */
  readonly awake?: boolean;
  readonly train?: number;
  readonly transmitStamps?: boolean;
}

const precision = {
  // The capture stamps a query before it has copied it, and the kernel's transmit stamp comes after that: 1 us, or 2 on a core
  // that has just woken and finds nothing in its cache.
  "1k": { rateQps: 1000, train: 1, transmitStamps: true, awake: true },
  "1k_asleep": { rateQps: 1000, train: 1, transmitStamps: true },
  "100k": { rateQps: 100_000, train: 1 },
  "100k_trains": { rateQps: 100_000 },
} as const satisfies Record<string, Case>;
/** How far the rows' round trips may be from the capture's. us */
const bounds: Readonly<Record<string, number>> = {
  "1k_difference_p50_us": 1,
  "1k_difference_p99_us": 5,
  "100k_difference_p50_us": 3,
  "100k_difference_p99_us": 20,
};
const laws = ["stopped", "answerer_dies", "loss", "blocked"] as const;
const lawCases = {
  singles: { rateQps: 20_000, train: 1 },
  trains: { rateQps: 100_000 },
} as const satisfies Record<string, Case>;

/** A trial with what the capture saw of it. */
interface Seen {
  readonly result: TrialResult;
  readonly comparison: Comparison;
  readonly queriesOnWire: number;
  readonly captureDrops: number;
}

export const truth: Experiment = {
  summary: "rtt against a capture of the same packets, and one row for every probe sent, whatever happens",
  headline:
    "rtt within {100k_difference_p50_us} us (p99 {100k_difference_p99_us} us) of the same packets captured by tcpdump, at 100,000/s",
  async run({ trials = 3, seconds = 3 }, say) {
    needsRoot();
    needs("ip", "taskset", "setpriv", "chrt", "nft", "tcpdump");
    const stage = await Stage.create();
    const figures: Record<string, unknown> = {};
    const failures: string[] = [];
    try {
      const seen = new Map(Object.keys(precision).map((name) => [name, [] as Seen[]]));
      for (let trial = 0; trial < trials; trial++) {
        for (const [name, one] of Object.entries(precision)) {
          const { awake = false, ...conditions }: Case = one;
          await quiet();
          const run = () => stage.trial({ ...conditions, count: one.rateQps * seconds });
          const found = await (awake ? whileAwake(run) : run());
          failures.push(...faults(name, found));
          seen.get(name)!.push(found);
          say(`${name}: ${told(found)}`);
        }
      }
      for (const [name, all] of seen) Object.assign(figures, precisionFigures(name, all));
      failures.push(
        ...missed(figures, Object.fromEntries(Object.entries(bounds).map(([key, most]) => [key, { most }]))),
      );
      for (const [kind, one] of Object.entries(lawCases)) {
        for (const law of laws) {
          const found = await stage.law(law, { ...one, count: one.rateQps * seconds });
          failures.push(...faults(`${law}, ${kind}`, found), ...bitten(law, kind, found));
          const { sent, rows } = found.result.counters;
          figures[`${law}_${kind}`] = { sent, rows, ...found.result.outcomes };
          say(`${law}, ${kind}: ${JSON.stringify(figures[`${law}_${kind}`])}`);
        }
      }
    } finally {
      await stage.close();
    }
    return { figures, failures };
  },
};

/** whileAwake keeps all cores busy with what gives way to anything else. */
async function whileAwake<T>(run: () => Promise<T>): Promise<T> {
  const spin = ["chrt", "--idle", "0", "sh", "-c", "while :; do :; done"];
  const spinners = [generatorCpu, answererCpu].map((cpu) => serve(spin, { cpu }));
  try {
    return await run();
  } finally {
    await Promise.all(spinners.map((spinner) => spinner.stop()));
  }
}

function precisionFigures(name: string, all: readonly Seen[]): Record<string, number> {
  const of = (value: (comparison: Comparison) => number) =>
    round(median(all.map(({ comparison }) => value(comparison))));
  return {
    [`${name}_difference_p50_us`]: of(({ difference }) => difference.p50),
    [`${name}_difference_p99_us`]: of(({ difference }) => difference.p99),
    [`${name}_most_too_short_us`]: of(({ mostTooShort }) => mostTooShort),
    [`${name}_rtt_p50_us`]: of(({ rttOfRows }) => rttOfRows.p50),
    [`${name}_rtt_p99_us`]: of(({ rttOfRows }) => rttOfRows.p99),
    [`${name}_capture_rtt_p50_us`]: of(({ rttOnWire }) => rttOnWire.p50),
    [`${name}_capture_rtt_p99_us`]: of(({ rttOnWire }) => rttOnWire.p99),
    [`${name}_compared_percent`]: of(({ compared, answered }) => (100 * compared) / answered),
  };
}

/** faults gives a sentence for each way in which a trial broke the law, or in which its rows and the wire disagree. */
function faults(name: string, { result, comparison, queriesOnWire, captureDrops }: Seen): string[] {
  const { counters, delivered, outcomes } = result;
  const { sent, rows } = counters;
  const sum = Object.values(outcomes).reduce((total, count) => total + count, 0);
  const timeouts = outcomes["timeout"] ?? 0;
  const wrong: string[] = [];
  if (rows !== sent || delivered !== sent || sum !== sent)
    wrong.push(`expected as many rows as probes sent, got ${rows} rows, ${delivered} delivered, ${sent} sent`);
  if (comparison.compared < 0.9 * comparison.answered)
    wrong.push(`only ${comparison.compared} of ${comparison.answered} answered rows are in the capture`);
  if (captureDrops === 0) {
    const onWire = sent - (outcomes["send-failed"] ?? 0);
    if (queriesOnWire !== onWire) wrong.push(`expected ${onWire} queries on the wire, saw ${queriesOnWire}`);
    if (comparison.compared !== comparison.answered)
      wrong.push(`${comparison.answered - comparison.compared} rows say answered, and the capture saw no answer`);
    if (timeouts > comparison.unansweredOnWire)
      wrong.push(`${timeouts} timeouts, but only ${comparison.unansweredOnWire} queries had no answer on the wire`);
  }
  return wrong.map((what) => `${name}: ${what}`);
}

/** bitten gives a sentence where what a law case does to its run did not happen, so that it would prove nothing. */
function bitten(law: Law, kind: string, { result: { outcomes, counters } }: Seen): string[] {
  const { answered = 0, timeout = 0, unreachable = 0 } = outcomes;
  const lost = (100 * timeout) / counters.sent;
  const wrong: Record<Law, boolean> = {
    stopped: answered === 0,
    answerer_dies: answered === 0 || unreachable === 0,
    loss: lost < 0.3 || lost > 3,
    blocked: answered === 0,
  };
  return wrong[law] ? [`${law}, ${kind}: it did not happen: ${JSON.stringify(outcomes)}`] : [];
}

function told({ result, comparison, captureDrops }: Seen): string {
  const { compared, answered, difference, mostTooShort, rttOfRows } = comparison;
  const stamps = `${result.kernelStamps} kernel and ${result.transmitStamps} transmit stamps`;
  return (
    `|rtt - capture| p50 ${difference.p50} p99 ${difference.p99} max ${difference.max} us (${mostTooShort} us too short at most) of rtt p50 ${rttOfRows.p50} us; ` +
    `${compared} of ${answered} answered compared (capture lost ${captureDrops}), ${stamps}`
  );
}

type Law = (typeof laws)[number];

type Conditions = Omit<TrialOptions, "address" | "port" | "cpu" | "file" | "timeoutMs">;
const address = "198.18.1.2";
const port = 5300;

/** Stage is a namespace that trials run in, and one behind a veth that their answerer is in. */
class Stage {
  readonly #directory = mkdtempSync(join(tmpdir(), "anyprobe-truth-"));
  readonly #forget: () => void;
  #answerer: Server | undefined;

  private constructor(
    readonly near: Namespace,
    readonly far: Namespace,
  ) {
    this.#forget = beforeExit(() => {
      near.removeNow();
      far.removeNow();
    });
  }

  static async create(): Promise<Stage> {
    const stage = new Stage(
      await Namespace.create(`ap${process.pid}-near`),
      await Namespace.create(`ap${process.pid}-far`),
    );
    const { near, far } = stage;
    await near.ip("link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", far.name);
    for (const [namespace, own] of [
      [near, "198.18.1.1"],
      [far, address],
    ] as const) {
      await namespace.ip("address", "add", `${own}/24`, "dev", "up0");
      await namespace.ip("link", "set", "up0", "up");
    }
    // A dead port is told of by ICMP, which the kernel would hold back after a few.
    await far.exec("sysctl", "-qw", "net.ipv4.icmp_ratemask=0");
    return stage;
  }

  /** trial runs a trial while all of it is captured; `during` may disturb it, and gets what answers. */
  async trial(options: Conditions, during?: () => Promise<void>): Promise<Seen> {
    await this.#startAnswerer();
    const [file, capture] = [join(this.#directory, "rows"), join(this.#directory, "packets")];
    // A train is captured as one packet, and is taken apart when it is whole.
    const keep = options.train === 1 ? 96 : 0;
    const running = await startCapture({ namespace: this.near, device: "up0", file: capture, keep });
    const result = await this.#run(
      { ...options, address, port, cpu: generatorCpu, file, timeoutMs: 500 },
      during,
    ).catch(async (error) => {
      await running.stop();
      throw error;
    });
    const captureDrops = await running.stop();
    const wire = readWire(capture, port, result.queryOctets, result.answerOctets || result.queryOctets);
    return { result, comparison: compare(readRows(file), wire), queriesOnWire: wire.queries, captureDrops };
  }

  /** law runs a trial to which a law case does what its name says, halfway. */
  async law(law: Law, options: Conditions): Promise<Seen> {
    const halfMs = (options.count / options.rateQps / 2) * 1000;
    switch (law) {
      case "stopped":
        return this.trial({ ...options, stopAfterMs: halfMs });
      case "answerer_dies":
        return this.trial(options, async () => {
          await sleep(halfMs);
          await this.#stopAnswerer();
        });
      case "loss":
        return this.#withLoss(() => this.trial(options));
      case "blocked":
        return this.trial({ ...options, blockMs: 2000 });
    }
  }

  async close(): Promise<void> {
    this.#forget();
    await this.#stopAnswerer();
    await Promise.all([this.near.remove(), this.far.remove()]);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #run(options: TrialOptions, during: (() => Promise<void>) | undefined): Promise<TrialResult> {
    const argv = [process.execPath, "--import", import.meta.resolve("tsx"), program, JSON.stringify(options)];
    // The engine's thread has its own core; JavaScript shares the other one with the answerer and the capture.
    const [file = "", ...rest] = placed(argv, { cpu: answererCpu });
    const child = this.near.spawn(file, rest, { stdio: ["ignore", "pipe", "inherit"] });
    const lines: string[] = [];
    const disturbed = new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stdout! }).on("line", (line) => {
        lines.push(line);
        if (lines.length === 1) (during?.() ?? Promise.resolve()).then(resolve, reject);
      });
      child.once("exit", (code) => (code === 0 ? undefined : reject(new Error(`the trial ended with ${code}`))));
    });
    await Promise.all([once(child, "close"), disturbed]);
    return JSON.parse(lines.at(-1)!) as TrialResult;
  }

  /** Drops one query in a hundred where it arrives, out of the sender's sight. */
  async #withLoss(run: () => Promise<Seen>): Promise<Seen> {
    const nft = (...argv: string[]) => this.far.exec("nft", ...argv);
    await nft("add table inet loss { chain in { type filter hook input priority 0; }; }");
    await nft(`add rule inet loss in udp dport ${port} numgen random mod 100 < 1 drop`);
    try {
      return await run();
    } finally {
      await nft("delete table inet loss");
    }
  }

  async #startAnswerer(): Promise<void> {
    if (this.#answerer) return;
    const argv = [answererProgram(), "--address", address, "--port", `${port}`];
    this.#answerer = serve(argv, { namespace: this.far.name, cpu: answererCpu });
    await this.#answerer.line();
  }

  async #stopAnswerer(): Promise<void> {
    this.#answerer?.child.kill("SIGKILL");
    await this.#answerer?.stop();
    this.#answerer = undefined;
  }
}

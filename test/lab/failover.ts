// kill -9 of the name server to R1's kernel table without the endpoint, and back again: the figure that the product stands for.
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicNs, nsPerMs } from "../../src/units.js";
import { bars, cpuSeconds, type Experiment, round, spread } from "./figures.js";
import { anycast, type DaemonOptions, Lab, type LabEndpoint, type LabOptions } from "./lab.js";

/** Away for so long, so that each endpoint's own changes are 6 s apart and more. */
const stableForMs = 4500;
const betweenKillsMs = 4500;
const second = "203.0.113.54/32";

interface Case {
  readonly name: string;
  readonly lab: LabOptions;
  readonly daemon: DaemonOptions;
  /** How the server fails. */
  readonly fault?: "SIGKILL" | "SIGSTOP";
  /** Share of the runs asked for. */
  readonly share?: number;
  readonly bounds?: Readonly<Record<string, number>>;
  readonly measureCpu?: boolean;
}

const tuned: LabOptions = { announce: "network", timers: "tuned" };
const check = { stable_for: `${stableForMs}ms` };
const polling = { ...check, interval: "10ms", fast_interval: "2ms", fall: 3, timeout: "20ms" };
const bounds = { median_ms: 18, max_ms: 40, recovery_over_bound_ms: 0 };

const cases: readonly Case[] = [
  { name: "address", lab: tuned, daemon: { driver: "address", check }, bounds },
  { name: "frr", lab: tuned, daemon: { driver: "frr", check }, bounds },
  // The traffic goes as fast as without the guard; the prefix follows when it has looked.
  {
    name: "frr-guarded",
    lab: tuned,
    daemon: { driver: "frr", check, others: 1 },
    share: 0.5,
    bounds: { ...bounds, median_ms: 22 },
  },
  {
    name: "no-hints",
    lab: tuned,
    daemon: { driver: "address", check: { ...polling, timeout: "1s" }, top: { hints: false } },
    bounds: { median_ms: 30, cpu_percent: 2, recovery_over_bound_ms: 0 },
    measureCpu: true,
  },
  {
    name: "sigstop",
    lab: tuned,
    daemon: { driver: "address", check: polling },
    fault: "SIGSTOP",
    bounds: { median_ms: 75 },
  },
  {
    name: "two-prefixes",
    lab: { ...tuned, prefixes: [anycast, second] },
    daemon: { driver: "address", check },
    share: 0.25,
    bounds: { max_ms: 60 },
  },
  {
    name: "two-prefixes-redistribute-default-timers",
    lab: { announce: "redistribute", timers: "default", prefixes: [anycast, second] },
    daemon: { driver: "address", check },
    share: 0.25,
    bounds: { max_ms: 60 },
  },
  {
    name: "two-prefixes-default-timers",
    lab: { announce: "network", timers: "default", prefixes: [anycast, second] },
    daemon: { driver: "address", check: { stable_for: "15s" } },
    share: 0.1,
  },
  {
    name: "address-redistribute",
    lab: { ...tuned, announce: "redistribute" },
    daemon: { driver: "address", check },
    share: 0.25,
  },
  {
    name: "frr-redistribute",
    lab: { ...tuned, announce: "redistribute" },
    daemon: { driver: "frr", check },
    share: 0.25,
  },
  {
    name: "address-default-timers",
    lab: { ...tuned, timers: "default" },
    daemon: { driver: "address", check },
    share: 0.25,
  },
];

export const failover: Experiment = {
  summary: "kill -9 of the server to R1's kernel table, for every driver; and the way back",
  async run({ runs = 20, driver, only }, say) {
    const figures: Record<string, unknown> = {};
    const failures: string[] = [];
    const chosen = cases.filter(
      ({ name, daemon }) => (only === undefined || name === only) && (driver === undefined || daemon.driver === driver),
    );
    // Cases of one network share it: building one takes longer than measuring in it.
    for (const key of new Set(chosen.map(({ lab }) => JSON.stringify(lab)))) {
      const group = chosen.filter(({ lab }) => JSON.stringify(lab) === key);
      await using lab = await Lab.create(group[0]!.lab);
      for (const one of group) {
        await lab.startDaemons(one.daemon);
        // Every lab starts announced; the first change must keep its distance as well.
        await sleep(6000);
        const found = await measure(lab, one, Math.max(2, Math.round(runs * (one.share ?? 1))), say);
        figures[one.name] = found;
        failures.push(
          ...bars(one.name, found as unknown as Record<string, number>, {
            missed: 0,
            ...one.bounds,
          }),
        );
        await lab.stopDaemons();
      }
    }
    const spacing = `one fault each ${betweenKillsMs} ms, endpoints in turn; each endpoint's own changes >= 6 s apart`;
    return { figures, failures, environment: { timers: "tuned unless named default", spacing } };
  },
};

async function measure(
  lab: Lab,
  { name, lab: { prefixes = [anycast] }, daemon, fault = "SIGKILL", measureCpu }: Case,
  runs: number,
  say: (text: string) => void,
) {
  const cpuPercent = measureCpu ? await quietCpu(lab) : undefined;
  const tookMs: number[] = [];
  const recoveryMs: number[] = [];
  const recoveries: Promise<void>[] = [];
  let missed = 0;
  for (let run = 0; run < runs; run++) {
    const endpoint = lab.endpoints[run % lab.endpoints.length]!;
    await recoveries[run - lab.endpoints.length];
    const startNs = monotonicNs();
    endpoint.server!.signal(fault);
    try {
      const gone = await Promise.all(prefixes.map((prefix) => lab.goneFromR1(endpoint, startNs, prefix)));
      tookMs.push((Math.max(...gone) - startNs) / nsPerMs);
      say(`${name} ${run + 1}/${runs}: ${round(tookMs.at(-1)!)} ms`);
    } catch {
      missed++;
      say(`${name} ${run + 1}/${runs}: missed`);
    }
    recoveries.push(recover(lab, endpoint, fault, prefixes, recoveryMs));
    await sleep(betweenKillsMs - (monotonicNs() - startNs) / nsPerMs);
  }
  await Promise.all(recoveries);
  const boundMs = recoveryBoundMs(daemon);
  return {
    ...spread(tookMs),
    missed,
    ...(cpuPercent !== undefined && { cpu_percent: cpuPercent }),
    recovery: { bound_ms: boundMs, ...spread(recoveryMs) },
    recovery_over_bound_ms: round(Math.max(0, Math.max(...recoveryMs) - boundMs)),
  };
}

/** recover makes the server well again and notes how long its first answer took to become R1's route. */
async function recover(lab: Lab, endpoint: LabEndpoint, fault: string, prefixes: readonly string[], tookMs: number[]) {
  await sleep(2000);
  let answeredNs = monotonicNs();
  if (fault === "SIGSTOP") {
    endpoint.server!.signal("SIGCONT");
  } else {
    await endpoint.server!.stop();
    answeredNs = (await endpoint.startServer()).answeredNs;
  }
  const back = await Promise.all(prefixes.map((prefix) => lab.backAtR1(endpoint, answeredNs, prefix)));
  tookMs.push((Math.max(...back) - answeredNs) / nsPerMs);
}

/** interval + (rise - 1) x fast_interval + stable_for + 60 ms, with the defaults of docs/config.md. */
function recoveryBoundMs({ check = {} }: DaemonOptions): number {
  const ms = (key: string, otherwise: number) => {
    const match = /^(\d+)(ms|s)$/.exec(String(check[key] ?? ""));
    return match ? Number(match[1]) * (match[2] === "s" ? 1000 : 1) : otherwise;
  };
  return ms("interval", 1000) + 2 * ms("fast_interval", 200) + ms("stable_for", 10_000) + 60;
}

/** quietCpu is the share of one core that a daemon takes while nothing happens, in percent: the median of the endpoints. */
async function quietCpu(lab: Lab): Promise<number> {
  const pids = lab.endpoints.map(({ daemon }) => daemon!.pid!);
  const before = pids.map(cpuSeconds);
  const startNs = monotonicNs();
  await sleep(20_000);
  const seconds = (monotonicNs() - startNs) / 1e9;
  const shares = pids.map((pid, i) => (100 * (cpuSeconds(pid) - before[i]!)) / seconds);
  return round(shares.toSorted((a, b) => a - b)[Math.floor(shares.length / 2)]!);
}

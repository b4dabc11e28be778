// Minutes of random faults: does what the daemons say of their routes agree with the neighbour's kernel table, and do they
// leak nothing?
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicNs, nsPerMs, nsPerSecond } from "../../src/units.js";
import { type Experiment, openDescriptors, residentMib, round } from "./figures.js";
import { anycast, Lab, type LabEndpoint, prefixesOf } from "./lab.js";

const faultEveryMs = 30_000;
/** What the daemon says must be R1's table so long after it says verified … */
const agreeAfterNs = nsPerSecond;
/** … but for as long as the neighbours take to notice that an adjacency is lost. */
const adjacencyNs = 15 * nsPerSecond;
const warmUpMs = 60_000;

interface Fault {
  readonly name: string;
  readonly losesAdjacency?: boolean;
  inflict(endpoint: LabEndpoint): Promise<void>;
}

const pause = (from: number, to: number) => sleep(from + Math.random() * (to - from));
const address = ["address", "add", anycast, "dev", "lo", "label", "lo:0"];

const faults: readonly Fault[] = [
  {
    name: "server killed",
    async inflict(endpoint) {
      endpoint.server!.signal("SIGKILL");
      await pause(500, 8000);
      await endpoint.server!.stop();
      await endpoint.startServer();
    },
  },
  {
    name: "server stopped",
    async inflict(endpoint) {
      endpoint.server!.signal("SIGSTOP");
      await pause(500, 8000);
      endpoint.server!.signal("SIGCONT");
    },
  },
  {
    name: "ospfd killed",
    losesAdjacency: true,
    async inflict({ node }) {
      await node.router.signalOspfd("SIGKILL");
      await pause(500, 5000);
      await node.router.startOspfd();
    },
  },
  {
    name: "ospfd killed while the server is down",
    losesAdjacency: true,
    async inflict(endpoint) {
      endpoint.server!.signal("SIGKILL");
      await sleep(2000);
      await endpoint.node.router.signalOspfd("SIGKILL");
      await pause(500, 3000);
      await endpoint.node.router.startOspfd();
      await sleep(4000);
      await endpoint.server!.stop();
      await endpoint.startServer();
    },
  },
  {
    name: "uplink down",
    losesAdjacency: true,
    async inflict({ node }) {
      await node.namespace.ip("link", "set", "up0", "down");
      await pause(500, 5000);
      await node.namespace.ip("link", "set", "up0", "up");
    },
  },
  {
    name: "address taken away by hand",
    async inflict({ node }) {
      await node.namespace.ip("address", "del", anycast, "dev", "lo");
      await pause(2000, 8000);
      await node.namespace.ip(...address);
    },
  },
  {
    name: "daemon stopped",
    async inflict({ daemon }) {
      daemon!.kill("SIGSTOP");
      await pause(500, 4000);
      daemon!.kill("SIGCONT");
    },
  },
];

/** Watched is what one endpoint's daemon last said, and since when. */
interface Watched {
  said: string;
  sinceNs: number;
  /** Until then its adjacency may be lost without anybody knowing. */
  excusedUntilNs: number;
}

export const soak: Experiment = {
  summary: "random faults every 30 s for 10 minutes: status against R1's table, leaks",
  async run({ seconds = 600 }, say) {
    await using lab = await Lab.create();
    const [e1, e2, e3] = lab.endpoints as [LabEndpoint, LabEndpoint, LabEndpoint];
    const check = { stable_for: "1s" };
    await Promise.all([
      e1.startDaemon({ driver: "address", check }),
      e2.startDaemon({ driver: "frr", check }),
      e3.startDaemon({ driver: "address", check }),
    ]);
    const watched = new Map(lab.endpoints.map((one) => [one, { said: "", sinceNs: 0, excusedUntilNs: 0 }]));
    const failures: string[] = [];
    const startNs = monotonicNs();
    const elapsedMs = () => (monotonicNs() - startNs) / nsPerMs;
    let samples = 0;
    let inflicted: Promise<void> = Promise.resolve();
    const counts: Record<string, number> = {};
    let before: Usage[] | undefined;
    for (let nextMs = 5000; elapsedMs() < seconds * 1000; await sleep(250)) {
      before ??= elapsedMs() > Math.min(warmUpMs, seconds * 200) ? usage(lab) : undefined;
      if (elapsedMs() >= nextMs && elapsedMs() < seconds * 1000 - 20_000) {
        nextMs += faultEveryMs;
        await inflicted;
        const fault = faults[Math.floor(Math.random() * faults.length)]!;
        const endpoint = lab.endpoints[Math.floor(Math.random() * lab.endpoints.length)]!;
        counts[fault.name] = (counts[fault.name] ?? 0) + 1;
        say(`${Math.round(elapsedMs() / 1000)} s: ${endpoint.node.name}: ${fault.name}`);
        inflicted = inflict(fault, endpoint, watched.get(endpoint)!);
      }
      for (const [endpoint, what] of watched) {
        const verdict = await sample(lab, endpoint, what);
        if (verdict === "waits") continue;
        samples++;
        if (verdict === "agrees") continue;
        failures.push(`${Math.round(elapsedMs() / 1000)} s: ${endpoint.node.name}: ${verdict}`);
        say(failures.at(-1)!);
      }
    }
    await inflicted;
    const after = usage(lab);
    const ends = await Promise.all(lab.endpoints.map(lastCounters));
    ends.forEach(({ sent, rows }, i) => {
      if (sent !== rows) failures.push(`e${i + 1}: expected rows == sent, got ${rows} of ${sent}`);
    });
    const growth = after.map(({ residentMib: mib, descriptors }, i) => ({
      rss_mib: mib,
      rss_growth_mib: round(mib - before![i]!.residentMib, 1),
      descriptors,
      descriptors_growth: descriptors - before![i]!.descriptors,
    }));
    growth.forEach((grown, i) => {
      if (grown.rss_growth_mib > 10) failures.push(`e${i + 1}: memory grew by ${grown.rss_growth_mib} MiB`);
      if (grown.descriptors_growth > 1) failures.push(`e${i + 1}: ${grown.descriptors_growth} descriptors more`);
    });
    const sums = { sent: ends.map(({ sent }) => sent), rows: ends.map(({ rows }) => rows) };
    return {
      figures: { seconds, samples, disagreements: failures.length, faults: counts, ...sums, daemons: growth },
      failures,
    };
  },
};

async function inflict(fault: Fault, endpoint: LabEndpoint, watched: Watched): Promise<void> {
  if (fault.losesAdjacency) watched.excusedUntilNs = Number.POSITIVE_INFINITY;
  await fault.inflict(endpoint);
  if (fault.losesAdjacency) watched.excusedUntilNs = monotonicNs() + adjacencyNs;
}

/** sample holds a daemon's word against R1's table, where it has said the same thing, verified, for long enough. */
async function sample(lab: Lab, endpoint: LabEndpoint, watched: Watched): Promise<string> {
  const read = () =>
    endpoint
      .status()
      .then((status) => prefixesOf(status)[0]!)
      .catch(() => undefined);
  const before = await read();
  const word = before ? `${before.observed} ${before.verified}` : "";
  const nowNs = monotonicNs();
  if (word !== watched.said) {
    watched.said = word;
    watched.sinceNs = nowNs;
  }
  if (!before?.verified || nowNs - watched.sinceNs < agreeAfterNs || nowNs < watched.excusedUntilNs) return "waits";
  const hops = await lab.network.nextHops(anycast);
  const after = await read();
  // A daemon that has changed its mind meanwhile says nothing about the table that was read.
  if (!after || `${after.observed} ${after.verified}` !== word) return "waits";
  const inTable = hops.includes(endpoint.gateway);
  if (inTable === (before.observed === "announced")) return "agrees";
  return `status says ${before.observed}, verified; R1 ${inTable ? "has" : "has not"} the route (${hops.join(", ")})`;
}

interface Usage {
  readonly residentMib: number;
  readonly descriptors: number;
}

function usage(lab: Lab): Usage[] {
  return lab.endpoints.map(({ daemon }) => ({
    residentMib: residentMib(daemon!.pid!),
    descriptors: openDescriptors(daemon!.pid!),
  }));
}

/** lastCounters stops the daemon and reads the counts in its last line. */
async function lastCounters(endpoint: LabEndpoint): Promise<{ sent: number; rows: number }> {
  await endpoint.stopDaemon();
  const lines = endpoint.log().trim().split("\n");
  const last = lines.map((line) => JSON.parse(line)).findLast(({ event }) => event === "stop");
  return last?.counters ?? { sent: Number.NaN, rows: 0 };
}

// A drain under load loses no query: from `drain` until the prefix is withdrawn, while the drained server is restarted, and
// back through `undrain`. To take the address away loses some.
import { setTimeout as sleep } from "node:timers/promises";
import { call } from "../../src/run/control.js";
import { monotonicNs, nsPerMs } from "../../src/units.js";
import { type Asked, answersBy, between, lostOf, SteadyClient } from "./client.js";
import { bars, type Experiment, spread } from "./figures.js";
import { anycast, Lab, type LabEndpoint, type LabOptions, prefixesOf, quick } from "./lab.js";

/** Queries/s of the client; a third of them reach the endpoint that is drained. */
const rateQps = 500;
const calmMs = 500;
/** Until its queue is empty a server may answer what came before R1's table changed. */
const lastAnswersMs = 50;

interface Case {
  readonly name: string;
  readonly driver: "address" | "frr";
  readonly announce: NonNullable<LabOptions["announce"]>;
}

const cases: readonly Case[] = [
  { name: "frr", driver: "frr", announce: "network" },
  { name: "address", driver: "address", announce: "network" },
  { name: "frr-redistribute", driver: "frr", announce: "redistribute" },
  { name: "address-redistribute", driver: "address", announce: "redistribute" },
];

export const drain: Experiment = {
  summary: `queries lost at ${rateQps}/s by drain and undrain, and by taking the address away`,
  async run({ runs = 10, driver, only }, say) {
    const figures: Record<string, unknown> = {};
    const failures: string[] = [];
    const chosen = cases.filter(
      (one) => (only === undefined || one.name === only) && (driver === undefined || one.driver === driver),
    );
    // Cases of one network share it: building one takes longer than measuring in it.
    for (const announce of new Set(chosen.map((one) => one.announce))) {
      await using lab = await Lab.create({ announce, client: true });
      for (const one of chosen.filter((other) => other.announce === announce)) {
        const drained = await drainUnderLoad(lab, one.driver, runs, (text) => say(`${one.name}: ${text}`));
        figures[one.name] = drained;
        failures.push(...bars(one.name, drained, { lost: 0, answered_while_away: 0, not_back: 0 }));
      }
      const deleted = await deleteUnderLoad(lab, 4 * runs, (text) => say(`${announce}: ${text}`));
      figures[`address-deleted-${announce}`] = deleted;
      if (deleted.lost === 0) failures.push(`${announce}: expected queries lost by taking the address away, got 0`);
    }
    return { figures, failures, environment: { rate_qps: rateQps } };
  },
};

/** drainUnderLoad drains the first endpoint, restarts its server and undrains it, again and again. */
export async function drainUnderLoad(
  lab: Lab,
  driver: "address" | "frr",
  runs: number,
  say: (text: string) => void = () => {},
) {
  await Promise.all(
    lab.endpoints.map((endpoint) =>
      endpoint.startDaemon({ driver, check: quick, others: 1, service: { drain: "20s" } }),
    ),
  );
  const e1 = lab.endpoints[0]!;
  await using client = await SteadyClient.start(lab, rateQps);
  const rounds: Round[] = [];
  for (let run = 0; run < runs; run++) {
    await sleep(calmMs);
    rounds.push(await drainOnce(lab, e1));
    say(`drained and back ${run + 1}/${runs}`);
  }
  await sleep(calmMs);
  const queries = await client.stop();
  await lab.stopDaemons();
  const of = (from: keyof Round, to: keyof Round) => rounds.map((round) => between(queries, round[from], round[to]));
  const answersOf = (some: readonly Asked[]) => answersBy(some)[e1.node.name] ?? 0;
  return {
    runs,
    ...lostOf(of("startNs", "endNs").flat()),
    /** By the drained endpoint, once R1 had no route to it. */
    answered_while_away: answersOf(of("goneNs", "undrainNs").flat()),
    /** Rounds after which it got no queries again. */
    not_back: of("backNs", "endNs").filter((some) => answersOf(some) === 0).length,
    traffic_gone: spread(rounds.map(({ startNs, goneNs }) => (goneNs - startNs) / nsPerMs - lastAnswersMs)),
    withdrawn: spread(rounds.map(({ startNs, withdrawnNs }) => (withdrawnNs - startNs) / nsPerMs)),
    back: spread(rounds.map(({ undrainNs, backNs }) => (backNs - undrainNs) / nsPerMs)),
  };
}

/** Round is one drain: when it began, when the last answer could have come, and so on; ns. */
type Round = Readonly<Record<"startNs" | "goneNs" | "withdrawnNs" | "undrainNs" | "backNs" | "endNs", number>>;

async function drainOnce(lab: Lab, endpoint: LabEndpoint): Promise<Round> {
  const startNs = monotonicNs();
  await call(endpoint.control, "drain", { what: anycast, reason: "a restart of the server" });
  const goneNs = (await lab.goneFromR1(endpoint, startNs)) + lastAnswersMs * nsPerMs;
  await endpoint.until(stands("withdrawn"), 30_000);
  const withdrawnNs = monotonicNs();
  await endpoint.restartServer();
  await sleep(calmMs);
  const undrainNs = monotonicNs();
  await call(endpoint.control, "undrain", { what: anycast });
  const backNs = await lab.backAtR1(endpoint, undrainNs);
  await endpoint.until(stands("announced"), 10_000);
  await sleep(calmMs);
  return { startNs, goneNs, withdrawnNs, undrainNs, backNs, endNs: monotonicNs() };
}

/** deleteUnderLoad takes the first endpoint's address away and puts it back, as a script would, with the service up. */
export async function deleteUnderLoad(lab: Lab, runs: number, say: (text: string) => void = () => {}) {
  const e1 = lab.endpoints[0]!;
  const { namespace } = e1.node;
  await using client = await SteadyClient.start(lab, rateQps);
  const startNs = monotonicNs();
  for (let run = 0; run < runs; run++) {
    await sleep(calmMs);
    const deletedNs = monotonicNs();
    await namespace.ip("address", "del", anycast, "dev", "lo");
    await lab.goneFromR1(e1, deletedNs);
    await sleep(calmMs);
    const addedNs = monotonicNs();
    await namespace.ip("address", "add", anycast, "dev", "lo", "label", "lo:0");
    await lab.backAtR1(e1, addedNs);
  }
  await sleep(calmMs);
  const found = { runs, ...lostOf(between(await client.stop(), startNs)) };
  say(`by taking the address away ${runs} times: ${found.lost} of ${found.sent} lost`);
  return found;
}

const stands = (announcement: string) => (status: Awaited<ReturnType<LabEndpoint["status"]>>) =>
  prefixesOf(status).every(({ observed, verified }) => observed === announcement && verified);

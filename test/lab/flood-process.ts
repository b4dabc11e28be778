// The three that meet in a flood, each a process in a namespace: who answers, who watches, and who floods the watcher's ports. Each says in a
// line when it is at work, and once its stdin ends, in another, what came of it.
import { Answerer } from "../../src/engine/answerer.js";
import { Engine, watch } from "../../src/index.js";
import { encodeQuery } from "../../src/probe/dns.js";
import type { UdpQuery } from "../../src/probe/query.js";
import type { Flooded, Flooding, Role, Watched, Watching } from "./flood-stage.js";

/** The one question that is asked. */
const query = { name: "health.example.com", type: "A" } as const;
const servfail = 2;
/** Of the flood so much is too short for an id; without one an engine sends no more than 20,000 a second from a port. */
const shortShare = 0.05;

const roles = { answer, watch: watchAll, flood };
const [role, given] = process.argv.slice(2) as [Role, string];
const end = await roles[role](JSON.parse(given));
process.stdout.write("at work\n");
process.stdin.resume().once("end", async () => {
  process.stdout.write(`${JSON.stringify(await end())}\n`);
});

/** Sends each query back as its answer. */
async function answer() {
  const answerer = Answerer.start({ address: "0.0.0.0", port: 53 });
  return async () => {
    answerer.close();
    return answerer.queries();
  };
}

async function watchAll({ targets, intervalMs }: Watching) {
  const addresses = targets.map((address) => ({ address, port: 53 }));
  const watched = watch(addresses, { query, intervalMs, chaos: false });
  while (watched.totals().up < targets.length) await new Promise((resolve) => setTimeout(resolve, 20));
  return async (): Promise<Watched> => {
    await watched.close();
    const { p50Ns, p99Ns } = watched.histogram().summary();
    return { totals: watched.totals(), counters: watched.counters(), p50Us: p50Ns / 1e3, p99Us: p99Ns / 1e3 };
  };
}

/** Forged answers with ids of all kinds, to which the only thing that is wrong is where they come from; and what is no message at all. */
async function flood({ address, ports, perSecond }: Flooding) {
  const forged = encodeQuery(query, 0);
  forged[2]! |= 0x80;
  forged[3] = servfail;
  const long = Buffer.concat([forged, Buffer.alloc(1400 - forged.length)]);
  const engine = new Engine({}, () => {});
  const begin = (queries: readonly UdpQuery[], rateQps: number) =>
    engine.submit({
      probes: ports.flatMap((port) => queries.map((query) => ({ target: { address, port }, query }))),
      schedule: { rateQps },
      timeoutMs: 50,
      // By single sends it would take a core. The watch's sockets are handed one packet at a time in any case.
      trainUs: 1000,
    });
  begin(
    [forged, long, Buffer.alloc(64, 0xff)].map((payload) => ({ payload, idAt: 0 })),
    perSecond * (1 - shortShare),
  );
  begin([{ payload: Buffer.alloc(1) }], perSecond * shortShare);
  const beganMs = performance.now();
  return async (): Promise<Flooded> => {
    const { sent } = engine.counters();
    const perSecond = (sent * 1000) / (performance.now() - beganMs);
    engine.close();
    return { sent, perSecond };
  };
}

// The scene of `anyprobe demo --ospf`: two endpoints and a neighbour r1, each with FRR, and a client behind r1. One
// endpoint's server dies: its route must go from r1's kernel table, and the other endpoint must answer all that is asked.
import { healthAddress, healthName } from "./answerer.js";
import { Network, type Node } from "./network.js";
import { Stage } from "./stage.js";
import type { OpenScene, Scene, Setting } from "./story.js";
import { addressBack, addressGone, routeBack, routeGone } from "./witness.js";

/** So many queries, each from another port: r1 spreads them over all that it has a route to. */
const queries = 8;

/** openNetworkScene builds the network and waits until r1 routes to both endpoints. Needs what networkMissing asks for. */
export async function openNetworkScene(setting: Setting, driver: "frr" | "address"): Promise<OpenScene> {
  const { address, label, port } = setting;
  const prefix = `${address}/32`;
  const network = await Network.create({
    endpoints: 2,
    announce: "network",
    timers: "tuned",
    prefixes: [prefix],
    client: true,
  });
  const stages: Stage[] = [];
  const close = async () => {
    await Promise.all(stages.map((stage) => stage.close()));
    await network.close();
  };
  const enter = async ({ namespace: { name } }: Node) => {
    const stage = await Stage.open({ name, command: ["ip", "netns", "exec", name] }, { address, port });
    stages.push(stage);
    return stage;
  };
  try {
    const [e1, e2] = [network.endpoints[0]!, network.endpoints[1]!];
    const [stage, other, client] = [await enter(e1), await enter(e2), await enter(network.client!)];
    await other.call("answer", { address, port, nsid: e2.name });
    const monitor = await network.routeMonitor();
    const table = async () => (await network.r1.namespace.ip("route", "show", prefix)).trimEnd();
    const gone = routeGone(monitor, address, e1.address);
    const back = routeBack(monitor, address, e1.address, table);
    const moved = driver === "address";
    const scene: Scene = {
      stage,
      answerer: { address, port, nsid: e1.name },
      command: { argv: ["run", "-c", "{dir}/anyprobe.yaml"], config: config(setting, driver, e1.router.sockets) },
      ready: `e1 and e2 announce ${prefix} to r1 by OSPF`,
      gone: moved ? [addressGone(stage, address, label), gone] : [gone],
      away: async () => {
        const assigned = (await stage.call("look")).label !== undefined;
        const hops = await network.nextHops(prefix);
        const { [e2.name]: answered = 0 } = await client.call("ask", queries);
        const ok = !hops.includes(e1.address) && answered === queries && assigned === !moved;
        return { ok, detail: `e2 answers ${answered} of ${queries} queries of the client`, table: await table() };
      },
      back: moved ? [addressBack(stage, address, label), back] : [back],
      table,
    };
    return { scene, namespace: "named network namespaces", close };
  } catch (error) {
    await close();
    throw error;
  }
}

function config({ address, label, port, stableFor }: Setting, driver: "frr" | "address", sockets: string): string {
  const check = {
    dns: { name: healthName, type: "A", port },
    expect: { answers: [healthAddress], nsid: "e1" },
    stable_for: stableFor,
  };
  const route = driver === "frr" ? { frr: { sockets } } : { address: { label } };
  return JSON.stringify({
    control: "{dir}/control",
    state: "{dir}/state.json",
    // The routers' timers are tuned, so nothing needs a gap between two changes; and the story is of one death, told quickly.
    min_gap: "0s",
    announce_gap: "0s",
    services: {
      resolver: { prefixes: [`${address}/32`], checks: [check], route: [route], guard: "none", damping: "none" },
    },
  });
}

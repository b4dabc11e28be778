// The doctor at a real ospf6d: each fault is planted alone in the running configuration of e1 (or of its neighbours), named, and
// taken out again.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Network, type RoutedNode } from "../../src/demo/network.js";
import { Vty } from "../../src/route/vty.js";
import { skipWithoutLab } from "../support/lab.js";
import { Examiner, idsOf } from "./router-examiner.js";

const six = "2001:db8::53/128";

let network: Network;
let e1: RoutedNode;
let e2: RoutedNode;
let examiner: Examiner;

/** An operator at vtysh. */
async function operate({ router }: RoutedNode, ...lines: string[]): Promise<void> {
  const vty = new Vty({ path: `${router.sockets}/ospf6d.vty`, onDown: () => {}, onUp: () => {} });
  await vty.open();
  await vty.configure(lines).finally(() => vty.close());
}

function config() {
  const { sockets } = e1.router;
  return {
    min_gap: "0s",
    state: "/nonexistent/state.json",
    services: {
      resolver: {
        prefixes: [six],
        checks: [{ dns: { name: "health.example.com", type: "A" } }],
        route: [{ frr: { sockets } }],
        guard: { others: 1, frr: sockets },
      },
    },
  };
}

const found = async () => idsOf(await examiner.examine({ config: config() }));
/** Waits for what the routers have yet to tell each other; what is found then stays so. */
async function finds(ids: readonly string[]): Promise<void> {
  await expect.poll(found, { timeout: 20_000, interval: 100 }).toEqual(ids);
  expect(await found()).toEqual(ids);
}

const anycastMap = [
  `ipv6 prefix-list ANYCAST6 seq 5 permit ${six}`,
  "route-map ANYCAST6 permit 10",
  "match ipv6 address prefix-list ANYCAST6",
];

const external = (map: string) => [
  "interface lo",
  "no ipv6 ospf6 area 0",
  "router ospf6",
  `redistribute connected ${map}`.trim(),
];
const stub = ["router ospf6", "no redistribute connected", "exit", "interface lo", "ipv6 ospf6 area 0"];

describe.skipIf(skipWithoutLab())("ospf6d", () => {
  beforeAll(async () => {
    const options = { announce: "network", timers: "tuned", client: false } as const;
    network = await Network.create({ ...options, endpoints: 2, prefixes: [six], ipv6: true });
    [e1, e2] = network.endpoints as [RoutedNode, RoutedNode];
    examiner = await Examiner.open(e1.namespace);
  });
  afterAll(async () => {
    examiner?.close();
    await network?.close();
  });

  test("a router as it should be is met with silence", () => finds([]));

  interface Fault {
    readonly id: string;
    readonly plant: readonly string[];
    readonly mend: readonly string[];
    /** Who has it; e1 unless said. */
    readonly at?: () => RoutedNode;
  }

  const faults: readonly Fault[] = [
    {
      id: "graceful-restart",
      plant: ["router ospf6", "graceful-restart"],
      mend: ["router ospf6", "no graceful-restart"],
    },
    {
      id: "stub-router",
      plant: ["router ospf6", "stub-router administrative"],
      mend: ["router ospf6", "no stub-router administrative"],
    },
    {
      id: "announced-twice",
      plant: [...anycastMap, "router ospf6", "redistribute connected route-map ANYCAST6"],
      mend: ["router ospf6", "no redistribute connected"],
    },
    {
      id: "prefix-unannounced",
      plant: ["interface lo", "no ipv6 ospf6 area 0"],
      mend: ["interface lo", "ipv6 ospf6 area 0"],
    },
    {
      id: "mixed-kinds",
      at: () => e2,
      plant: [...anycastMap, ...external("route-map ANYCAST6")],
      mend: stub,
    },
  ];

  test.each(faults)("$id is named, and nothing else", async ({ plant, mend, id, at = () => e1 }) => {
    await operate(at(), ...plant);
    try {
      await finds([id]);
    } finally {
      await operate(at(), ...mend);
    }
    await finds([]);
  });

  test("redistribute-all is named where another endpoint redistributes by a route-map", async () => {
    await operate(e2, ...anycastMap, ...external("route-map ANYCAST6"));
    await operate(e1, ...external(""));
    await finds(["redistribute-all"]);
    for (const node of [e1, e2]) await operate(node, ...stub);
    await finds([]);
  });

  test("no-adjacency is named, once the neighbour is gone", async () => {
    await network.r1.namespace.ip("link", "set", "e1", "down");
    await finds(["no-adjacency"]);
  });
});

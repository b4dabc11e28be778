// The doctor at a real FRR: each fault is planted alone in the running configuration of e1 (or of its neighbours), named, and
// taken out again.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Network, type RoutedNode } from "../../src/demo/network.js";
import { Vty } from "../../src/route/vty.js";
import { skipWithoutLab } from "../support/lab.js";
import { withoutJson } from "../support/without-json.js";
import { Examiner, idsOf } from "./router-examiner.js";

const first = "203.0.113.53/32";
const second = "203.0.113.54/32";

let network: Network;
let e1: RoutedNode;
let e2: RoutedNode;
let examiner: Examiner;

/** An operator at vtysh. */
async function operate({ router }: RoutedNode, ...lines: string[]): Promise<void> {
  const vty = new Vty({ path: `${router.sockets}/ospfd.vty`, onDown: () => {}, onUp: () => {} });
  await vty.open();
  await vty.configure(lines).finally(() => vty.close());
}

interface Keys {
  readonly prefixes?: readonly string[];
  readonly minGap?: string;
  readonly route?: readonly unknown[];
  readonly guard?: unknown;
  readonly state?: string;
}

function config({ prefixes = [first], minGap = "0s", route, guard, state = "/nonexistent/state.json" }: Keys = {}) {
  const { sockets } = e1.router;
  return {
    min_gap: minGap,
    state,
    services: {
      resolver: {
        prefixes,
        checks: [{ dns: { name: "health.example.com", type: "A" } }],
        route: route ?? [{ frr: { sockets } }],
        guard: guard ?? { others: 1, frr: sockets },
      },
    },
  };
}

const found = async (keys?: Keys) => idsOf(await examiner.examine({ config: config(keys) }));
/** Waits for what the routers have yet to tell each other; what is found then stays so. */
async function finds(ids: readonly string[], keys?: Keys): Promise<void> {
  await expect.poll(() => found(keys), { timeout: 20_000, interval: 100 }).toEqual(ids);
  expect(await found(keys)).toEqual(ids);
}

const throttled = ["router ospf", "timers throttle lsa all 5000"];
const tuned = ["router ospf", "timers throttle lsa all 0"];
const anycastMap = [
  `ip prefix-list ANYCAST seq 5 permit ${first}`,
  "route-map ANYCAST permit 10",
  "match ip address prefix-list ANYCAST",
];

describe.skipIf(skipWithoutLab())("FRR", () => {
  beforeAll(async () => {
    const prefixes = [first, second];
    network = await Network.create({ endpoints: 2, announce: "network", timers: "tuned", prefixes, client: false });
    [e1, e2] = network.endpoints as [RoutedNode, RoutedNode];
    examiner = await Examiner.open(e1.namespace);
  });
  afterAll(async () => {
    examiner?.close();
    await network?.close();
  });

  test("a router as it should be is met with silence", async () => {
    await finds([]);
    await finds([], { prefixes: [first, second] });
    expect(await examiner.examine({ prefixes: [first] })).toEqual([]);
  });

  interface Fault {
    readonly id: string;
    readonly plant: readonly string[];
    readonly mend: readonly string[];
    /** Who has it; e1 unless said. */
    readonly at?: () => RoutedNode;
    readonly keys?: () => Keys;
  }

  const faults: readonly Fault[] = [
    { id: "min-gap-short", plant: throttled, mend: tuned },
    {
      id: "stubs-untuned",
      plant: throttled,
      mend: tuned,
      keys: () => ({ prefixes: [first, second], minGap: "1.1s" }),
    },
    { id: "min-gap-long", plant: [], mend: [], keys: () => ({ minGap: "1.1s" }) },
    {
      id: "graceful-restart",
      plant: ["router ospf", "graceful-restart grace-period 90"],
      mend: ["router ospf", "no graceful-restart"],
    },
    {
      id: "stub-router",
      plant: ["router ospf", "max-metric router-lsa administrative"],
      mend: ["router ospf", "no max-metric router-lsa administrative"],
    },
    {
      id: "cost-without-address",
      plant: ["interface lo", "ip ospf cost 20"],
      mend: ["interface lo", "no ip ospf cost"],
    },
    {
      id: "redistribute-all",
      plant: ["router ospf", "redistribute connected"],
      mend: ["router ospf", "no redistribute connected"],
    },
    {
      id: "driver-refuses",
      plant: ["router ospf", `no network ${first} area 0`, "network 203.0.113.0/24 area 0"],
      mend: ["router ospf", "no network 203.0.113.0/24 area 0", `network ${first} area 0`],
    },
    {
      id: "no-rung",
      plant: ["interface lo", "ip ospf cost 30000 203.0.113.53"],
      mend: ["interface lo", "no ip ospf cost 203.0.113.53"],
    },
    {
      id: "prefix-unannounced",
      plant: ["router ospf", `no network ${first} area 0`],
      mend: ["router ospf", `network ${first} area 0`],
    },
    {
      id: "rfc1583-missing",
      plant: ["router ospf", `no network ${second} area 0`, `network ${second} area 1`],
      mend: ["router ospf", `no network ${second} area 1`, `network ${second} area 0`],
    },
    {
      id: "area-border-router",
      at: () => e2,
      plant: ["router ospf", `no network ${second} area 0`, `network ${second} area 1`],
      mend: ["router ospf", `no network ${second} area 1`, `network ${second} area 0`],
    },
    {
      id: "mixed-kinds",
      at: () => e2,
      plant: [...anycastMap, "router ospf", `no network ${first} area 0`, "redistribute connected route-map ANYCAST"],
      mend: ["router ospf", "no redistribute connected", `network ${first} area 0`],
    },
  ];

  test.each(faults)("$id is named, and nothing else", async ({ id, plant, mend, at = () => e1, keys = () => ({}) }) => {
    if (plant.length > 0) await operate(at(), ...plant);
    try {
      await finds([id], keys());
    } finally {
      if (mend.length > 0) await operate(at(), ...mend);
    }
    await finds([]);
  });

  test("what the daemon withdrew is not taken for forgotten", async () => {
    const directory = await mkdtemp(join(tmpdir(), "anyprobe-doctor-"));
    const state = join(directory, "state.json");
    const change = { driver: "frr", prefix: first, undo: { network: "0", device: "lo" } };
    await writeFile(state, JSON.stringify({ version: 2, changes: [change] }));
    await operate(e1, "router ospf", `no network ${first} area 0`);
    await finds(["prefix-unannounced"]);
    await finds([], { state });
    await operate(e1, "router ospf", `network ${first} area 0`);
    await finds([]);
    await rm(directory, { recursive: true });
  });

  test("mixed-metric-types is named, and not the rung that it costs", async () => {
    const redistribute = (type: number) => `redistribute connected metric-type ${type} route-map ANYCAST`;
    const external = (type: number) => [...anycastMap, "router ospf", `no network ${first} area 0`, redistribute(type)];
    await operate(e1, ...external(1));
    await operate(e2, ...external(1));
    await finds([]);
    await operate(e2, "router ospf", redistribute(2));
    await finds(["mixed-metric-types"]);
    for (const node of [e1, e2]) {
      await operate(node, "router ospf", "no redistribute connected", `network ${first} area 0`);
    }
    await finds([]);
  });

  test("dead-interval-long is named where both ends wait for long, and not where BFD watches", async () => {
    const interval = (seconds: number) => [`ip ospf dead-interval ${seconds}`];
    await operate(network.r1, "interface e1", ...interval(40));
    await operate(e1, "interface up0", ...interval(40));
    await finds(["dead-interval-long"]);
    await operate(e1, "interface up0", "ip ospf bfd");
    await finds([]);
    await operate(e1, "interface up0", "no ip ospf bfd", ...interval(4));
    await operate(network.r1, "interface e1", ...interval(4));
    await finds([]);
  });

  test("a router that the config names and that is not there is named once, whoever names it", async () => {
    const elsewhere = { others: 1, frr: "/nonexistent" };
    expect(await found({ guard: elsewhere })).toEqual(["router-unreachable"]);
    expect(await found({ route: [{ frr: { sockets: "/nonexistent" } }], guard: "none" })).toEqual([
      "router-unreachable",
    ]);
  });

  test("of a router that speaks no JSON the configuration alone is judged, and its guard is named", async () => {
    const directory = await mkdtemp(join(tmpdir(), "anyprobe-doctor-"));
    const proxy = await withoutJson(join(directory, "ospfd.vty"), join(e1.router.sockets, "ospfd.vty"));
    const keys = { route: [{ frr: { sockets: directory } }], guard: { others: 1, frr: directory } };
    expect(await found(keys)).toEqual(["guard-unreadable", "router-without-json"]);
    await operate(e1, ...throttled);
    expect(await found({ ...keys, guard: "none" })).toEqual(["min-gap-short", "router-without-json"]);
    await operate(e1, ...tuned);
    proxy.close();
    await rm(directory, { recursive: true });
  });

  test("no-adjacency is named, once the neighbour is gone", async () => {
    await network.r1.namespace.ip("link", "set", "e1", "down");
    await finds(["no-adjacency"]);
    await network.r1.namespace.ip("link", "set", "e1", "up");
    await finds([]);
  });

  test("an ospfd that hangs is named, and holds up nothing for long", async () => {
    await e1.router.signalOspfd("SIGSTOP");
    try {
      const [finding, ...more] = await examiner.examine({ config: config() });
      expect(finding).toMatchObject({ id: "router-unreachable", severity: "error" });
      expect(more).toEqual([]);
    } finally {
      await e1.router.signalOspfd("SIGCONT");
    }
    await finds([]);
  });
});

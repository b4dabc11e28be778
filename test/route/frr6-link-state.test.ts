// The readers of OSPFv3's database on real routers: ospf6d's at e1 and BIRD's at e3 count the same announcers. Each test begins
// where the one before ended.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Network, type RoutedNode } from "../../src/demo/network.js";
import { BirdLinkState } from "../../src/route/bird-link-state.js";
import { Frr6LinkState } from "../../src/route/frr6-link-state.js";
import type { Announcer, LinkState } from "../../src/route/link-state.js";
import { prefixOf } from "../../src/route/prefix.js";
import { Vty } from "../../src/route/vty.js";
import { Bird, birdMissing } from "../support/bird.js";
import { skipWithoutLab } from "../support/lab.js";

const anycast = prefixOf("2001:db8::53");
const [e1Id, e2Id, e3Id] = ["198.18.255.11", "198.18.255.12", "198.18.255.13"] as const;

// BIRD runs OSPFv3 on no interface without a link-local address, so `interface "lo"` announces nothing.
const birdConfig = `
router id ${e3Id};
protocol device { }
protocol ospf v3 edge {
  ipv6 { import all; export none; };
  area 0 {
    interface "up0" { type ptp; hello 1; dead 4; };
    stubnet 2001:db8::53/128 { cost 5; };
  };
}
`;

let network: Network;
let bird: Bird | undefined;
let frr: Frr6LinkState;
let atBird: BirdLinkState;
let r1: RoutedNode;
let e1: RoutedNode;
let e2: RoutedNode;

async function operate({ router }: RoutedNode, ...lines: string[]): Promise<void> {
  const vty = new Vty({ path: `${router.sockets}/ospf6d.vty`, onDown: () => {}, onUp: () => {} });
  await vty.open();
  await vty.configure(lines).finally(() => vty.close());
}

const stub = (routerId: string, metric: number): Announcer => ({ routerId, kind: "stub", metric });

async function othersBy(reader: LinkState): Promise<readonly Announcer[]> {
  const announcers = (await reader.read([anycast])).get(anycast)!;
  return announcers.others.toSorted((a, b) => a.routerId.localeCompare(b.routerId));
}

const patience = { timeout: 20_000, interval: 50 };

/** At the costs that e1 and e2 are given, and that of BIRD's stubnet. */
async function expectOthers(...atE2: readonly Announcer[]): Promise<void> {
  await expect.poll(() => othersBy(frr), patience).toEqual([...atE2, stub(e3Id, 5)]);
  await expect.poll(() => othersBy(atBird), patience).toEqual([stub(e1Id, 10), ...atE2]);
}

const options = { timeout: 60_000 };

describe.skipIf(skipWithoutLab() || skipWithoutLab(birdMissing()))("OSPFv3 of FRR and BIRD", options, () => {
  beforeAll(async () => {
    const prefixes = [anycast];
    network = await Network.create({
      endpoints: 3,
      announce: "network",
      timers: "tuned",
      prefixes,
      client: false,
      ipv6: true,
    });
    r1 = network.r1;
    [e1, e2] = network.endpoints as [RoutedNode, RoutedNode];
    const broadcast = (device: string) => [`interface ${device}`, "no ipv6 ospf6 network"];
    // Of its own accord FRR 8 announces lo at 10, FRR 10 at 0.
    const cost = ["interface lo", "ipv6 ospf6 cost 10"];
    await Promise.all([
      ...[operate(r1, ...broadcast("e2")), operate(e1, ...cost)],
      operate(e2, ...cost, ...broadcast("up0")),
    ]);
    const e3 = network.endpoints[2]!;
    await e3.router.stop();
    bird = await Bird.create(e3.namespace, () => birdConfig);
    await bird.start();
    frr = new Frr6LinkState({ sockets: e1.router.sockets });
    atBird = new BirdLinkState({ socket: bird.socket });
    await frr.open();
  });
  afterAll(async () => {
    frr?.close();
    atBird?.close();
    await bird?.[Symbol.asyncDispose]();
    await network?.close();
  });

  test("both count the others, also over a network with a designated router, and themselves", async () => {
    await expectOthers(stub(e2Id, 10));
    expect((await frr.read([anycast])).get(anycast)!.routerId).toBe(e1Id);
    expect((await atBird.read([anycast])).get(anycast)!.routerId).toBe(e3Id);
  });

  test("an external counts with its metric and its type", async () => {
    await operate(
      e2,
      ...["interface lo", "no ipv6 ospf6 area 0"],
      ...[
        `ipv6 prefix-list ONE seq 5 permit ${anycast}`,
        "route-map ONE permit 10",
        "match ipv6 address prefix-list ONE",
      ],
      ...["router ospf6", "redistribute connected metric 40000 metric-type 2 route-map ONE"],
    );
    await expectOthers({ routerId: e2Id, kind: "external", metric: 40_000, metricType: 2 });
    await operate(e2, "router ospf6", "redistribute connected metric 16777214 metric-type 1 route-map ONE");
    await expectOthers({ routerId: e2Id, kind: "external", metric: 16_777_214, metricType: 1 });
  });

  test("a dead router's LSA counts no more once nobody links to it", async () => {
    await e2.router.signalOspfd("SIGKILL", "ospf6d");
    await expectOthers();
  });

  test("what cannot be read is no empty database", async () => {
    await expect(frr.read([prefixOf("203.0.113.53")])).rejects.toThrow(/expected IPv6 prefixes/);
    await operate(e1, "no router ospf6");
    await expect(frr.read([anycast])).rejects.toThrow(/no `router ospf6`/);
    await e1.router.signalOspfd("SIGKILL", "ospf6d");
    await expect(frr.read([anycast])).rejects.toMatchObject({ code: "ERR_ROUTE_UNREACHABLE" });
  });
});

// The readers of the link-state database on real routers: FRR's at e1 and BIRD's at e4 count the same announcers, whatever
// dies, is depreferred or moves to another area. Each test begins where the one before ended.
import { type ChildProcess, execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ended } from "../../src/demo/frr.js";
import { Network, type RoutedNode } from "../../src/demo/network.js";
import { BirdLinkState } from "../../src/route/bird-link-state.js";
import { FrrLinkState } from "../../src/route/frr-link-state.js";
import { type Announcer, compareRouterIds, type LinkState, livingOf } from "../../src/route/link-state.js";
import { prefixOf } from "../../src/route/prefix.js";
import { Vty } from "../../src/route/vty.js";
import { skipWithoutLab } from "../support/lab.js";
import { withoutJson } from "../support/without-json.js";

const anycast = prefixOf("203.0.113.53");
const six = prefixOf("2001:db8::53");
const r1Id = "198.18.255.1";
const [e1Id, e2Id, e3Id, e4Id] = ["198.18.255.11", "198.18.255.12", "198.18.255.13", "198.18.255.14"] as const;

const birdConfig = `
router id ${e4Id};
protocol device { }
protocol ospf v2 edge {
  ipv4 { import all; export none; };
  area 0 {
    interface "up0" { type ptp; hello 1; dead 4; };
    interface "lo" { stub yes; };
  };
}
`;

function birdMissing(): string | undefined {
  try {
    execFileSync("bird", ["--version"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "bird is not installed";
  }
}

let network: Network;
let directory: string;
let bird: ChildProcess | undefined;
let r1: RoutedNode;
let e1: RoutedNode;
let e2: RoutedNode;
let e3: RoutedNode;
let frr: FrrLinkState;
let atBird: BirdLinkState;

async function at<T>({ router }: RoutedNode, act: (vty: Vty) => Promise<T>): Promise<T> {
  const vty = new Vty({ path: `${router.sockets}/ospfd.vty`, onDown: () => {}, onUp: () => {} });
  await vty.open();
  return act(vty).finally(() => vty.close());
}

const operate = (node: RoutedNode, ...lines: string[]) => at(node, (vty) => vty.configure(lines));

const stub = (routerId: string, metric = 0): Announcer => ({ routerId, kind: "stub", metric });

/** In the order of router ids. */
async function othersBy(reader: LinkState): Promise<readonly Announcer[]> {
  const announcers = (await reader.read([anycast])).get(anycast)!;
  return announcers.others.toSorted((a, b) => compareRouterIds(a.routerId, b.routerId));
}

/** Waits until both readers see `others`, and of e1 and e4 the one that they are not themselves. */
async function expectOthers(...others: readonly Announcer[]): Promise<void> {
  const sorted = (more: Announcer) => [more, ...others].toSorted((a, b) => compareRouterIds(a.routerId, b.routerId));
  const patience = { timeout: 60_000, interval: 100 };
  await expect.poll(() => othersBy(frr), patience).toEqual(sorted(stub(e4Id)));
  await expect.poll(() => othersBy(atBird), patience).toEqual(sorted(stub(e1Id)));
}

const blinds = () =>
  Promise.all([frr, atBird].map(async (reader) => (await reader.read([anycast])).get(anycast)!.blind));

const options = { timeout: 150_000 };

describe.skipIf(skipWithoutLab() || skipWithoutLab(birdMissing()))("in a network of FRR and BIRD", options, () => {
  beforeAll(async () => {
    network = await Network.create({
      endpoints: 4,
      announce: "network",
      timers: "tuned",
      prefixes: [anycast],
      client: false,
    });
    r1 = network.r1;
    [e1, e2, e3] = network.endpoints as [RoutedNode, RoutedNode, RoutedNode];
    const e4 = network.endpoints[3]!;
    await e4.router.stop();
    directory = await mkdtemp(join(tmpdir(), "anyprobe-bird-"));
    const file = (name: string) => join(directory, name);
    await writeFile(file("bird.conf"), birdConfig);
    const argv = ["-f", "-c", file("bird.conf"), "-s", file("bird.ctl"), "-P", file("bird.pid")];
    bird = e4.namespace.spawn("bird", argv, { stdio: "ignore" });
    frr = new FrrLinkState({ sockets: e1.router.sockets });
    atBird = new BirdLinkState({ socket: file("bird.ctl") });
    await Promise.all([frr.open(), atBird.open()]);
  });
  afterAll(async () => {
    frr?.close();
    atBird?.close();
    bird?.kill("SIGKILL");
    if (bird) await ended(bird);
    await network?.close();
    if (directory) await rm(directory, { recursive: true });
  });

  test("all others count, and none is beyond a border router", async () => {
    await expectOthers(stub(e2Id), stub(e3Id));
    expect(await blinds()).toEqual([undefined, undefined]);
    expect((await frr.read([anycast])).get(anycast)!.routerId).toBe(e1Id);
    expect((await atBird.read([anycast])).get(anycast)!.routerId).toBe(e4Id);
    const nobodys = prefixOf("203.0.113.99");
    for (const reader of [frr, atBird]) expect((await reader.read([nobodys])).get(nobodys)!.others).toEqual([]);
  });

  test("over a broadcast network, by its network-LSA, all others count too", async () => {
    await operate(r1, "interface e2", "no ip ospf network point-to-point");
    await operate(e2, "interface up0", "no ip ospf network point-to-point");
    const networks = () => at(e1, async (vty) => (await vty.run(["show ip ospf database network"]))[0]!.text);
    await expect.poll(networks, { timeout: 60_000 }).toMatch(/Attached Router: 198\.18\.255\.12/);
    await expectOthers(stub(e2Id), stub(e3Id));
  });

  test("one at the dead cost is listed, and not living", async () => {
    await operate(e2, "interface lo", "ip ospf cost 65535 203.0.113.53");
    await expectOthers(stub(e2Id, 65_535), stub(e3Id));
    for (const [reader, others] of [
      [frr, [e3Id, e4Id]],
      [atBird, [e1Id, e3Id]],
    ] as const) {
      const living = livingOf((await reader.read([anycast])).get(anycast)!, "dead");
      expect(living.map(({ routerId }) => routerId).toSorted()).toEqual(others);
    }
    await operate(e2, "interface lo", "no ip ospf cost 203.0.113.53");
  });

  test("who is killed leaves its LSA behind and does not count", async () => {
    await e3.router.signalOspfd("SIGKILL");
    await expectOthers(stub(e2Id));
    const command = `show ip ospf database router adv-router ${e3Id}`;
    const left = await at(e1, async (vty) => (await vty.run([command]))[0]!.text);
    expect(left).toMatch(/Net: 203\.0\.113\.53/);
    expect(Number(/LS age: (\d+)/.exec(left)![1])).toBeLessThan(3600);
    await e3.router.startOspfd();
    await expectOthers(stub(e2Id), stub(e3Id));
  });

  test("in another area only an external is seen, until its router dies there", async () => {
    const line = "redistribute connected metric 30 metric-type 1";
    const external: Announcer = { routerId: e2Id, kind: "external", metric: 30, metricType: 1 };
    await operate(e2, "router ospf", `no network ${anycast} area 0`, line);
    await expectOthers(external, stub(e3Id));
    // The link, at both ends.
    for (const node of [r1, e2]) {
      await operate(node, "router ospf", "no network 198.18.2.0/24 area 0", "network 198.18.2.0/24 area 1");
    }
    const beyond = `unknown (other areas): ${r1Id} is an area border router`;
    await expect.poll(blinds, { timeout: 60_000 }).toEqual([beyond, beyond]);
    await expectOthers(external, stub(e3Id));
    await operate(e2, "router ospf", "no redistribute connected", `network ${anycast} area 1`);
    await expectOthers(stub(e3Id));
    await operate(e2, "router ospf", `no network ${anycast} area 1`, line);
    await expectOthers(external, stub(e3Id));
    await e2.router.signalOspfd("SIGKILL");
    await expectOthers(stub(e3Id));
    const left = await at(e1, async (vty) => (await vty.run(["show ip ospf database external"]))[0]!.text);
    expect(left).toMatch(/Advertising Router: 198\.18\.255\.12/);
  });

  test("a family that the database does not have is refused, not taken for unannounced", async () => {
    for (const reader of [frr, atBird]) {
      await expect(reader.read([six])).rejects.toMatchObject({ code: "ERR_ROUTE_UNSUPPORTED", prefixes: [six] });
    }
  });

  test("an ospfd without JSON is refused", async () => {
    const proxy = await withoutJson(join(directory, "ospfd.vty"), join(e1.router.sockets, "ospfd.vty"));
    const quagga = new FrrLinkState({ sockets: directory });
    await quagga.open();
    await expect(quagga.read([anycast])).rejects.toMatchObject({
      code: "ERR_ROUTE_UNSUPPORTED",
      message: expect.stringMatching(/refused `show ip ospf database router json`.*the guard needs the JSON of FRR/),
    });
    quagga.close();
    proxy.close();
  });

  test("a router that is away cannot be read, and can once it is back", async () => {
    await e1.router.signalOspfd("SIGKILL");
    await expect(frr.read([anycast])).rejects.toMatchObject({ code: "ERR_ROUTE_UNREACHABLE" });
    const late = new FrrLinkState({ sockets: e1.router.sockets });
    await late.open();
    await e1.router.startOspfd();
    for (const reader of [frr, late]) {
      await expect
        .poll(() => othersBy(reader).catch(() => undefined), { timeout: 60_000 })
        .toEqual([stub(e3Id), stub(e4Id)]);
    }
    late.close();
    bird!.kill("SIGKILL");
    await ended(bird!);
    await expect(atBird.read([anycast])).rejects.toMatchObject({ code: "ERR_ROUTE_UNREACHABLE" });
  });
});

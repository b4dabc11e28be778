// Where BIRD announces by BGP, as in the sample configuration of anycast_healthchecker, whose structure this one has: files in a
// folder that bird.conf includes, one with the set and one with the function, and a template for the peers.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Namespace } from "../../src/demo/namespace.js";
import { BirdDriver } from "../../src/route/bird.js";
import { prefixOf } from "../../src/route/prefix.js";
import { Bird, birdMissing } from "../support/bird.js";
import { hostMissing } from "../support/host.js";
import { skipWithoutLab } from "../support/lab.js";

const [moved, other] = [prefixOf("203.0.113.53"), prefixOf("203.0.113.54")];
const set = (...prefixes: string[]) =>
  `define ACAST_PS_ADVERTISE =\n    [\n        ${["10.189.200.255/32", ...prefixes].join(",\n        ")}\n    ];\n`;

const endpoint = (directory: string) => `
router id 198.18.1.2;
include "${directory}/bird.d/*.conf";
protocol device {
    scan time 10;
}
protocol direct direct1 {
    ipv4 { import all; export none; };
    interface "lo";
}
template bgp bgp_peers {
    local as 64815;
    connect delay time 1;
    ipv4 { import none; export where match_route(); };
    ipv6 { import none; export none; };
}
protocol bgp BGP1 from bgp_peers {
    description "the router";
    neighbor 198.18.1.1 as 64814;
}
`;

const router = () => `
router id 198.18.1.1;
protocol device { }
protocol bgp endpoint {
    local as 64814;
    connect delay time 1;
    neighbor 198.18.1.2 as 64815;
    ipv4 { import all; export none; };
    ipv6 { import all; export none; };
}
`;

describe.skipIf(skipWithoutLab(hostMissing() ?? birdMissing()))("BIRD with BGP", () => {
  let namespaces: Namespace[] = [];
  let e1: Bird;
  let r1: Bird;
  let driver: BirdDriver;

  const learned = (prefix: string) => r1.ask(`show route ${prefix}`).then((text) => text.includes(prefix));
  const file = () => e1.path("bird.d/anycast-prefixes.conf");
  const seen = async () => (await driver.observe([moved])).get(moved)!;

  beforeAll(async () => {
    const [left, right] = await Promise.all(
      ["e1", "r1"].map((name) => Namespace.create(`ap${process.pid}-bgp-${name}`)),
    );
    namespaces = [left!, right!];
    await left!.ip("link", "add", "up0", "type", "veth", "peer", "name", "e1", "netns", right!.name);
    for (const [namespace, device, address] of [
      [left!, "up0", "198.18.1.2/24"],
      [right!, "e1", "198.18.1.1/24"],
    ] as const) {
      await namespace.ip("address", "add", address, "dev", device);
      await namespace.ip("link", "set", device, "up");
    }
    for (const prefix of [moved, other]) await left!.ip("address", "add", prefix, "dev", "lo");
    e1 = await Bird.create(left!, endpoint);
    r1 = await Bird.create(right!, router);
    await mkdir(e1.path("bird.d"));
    await writeFile(file(), set(moved, other));
    await writeFile(
      e1.path("bird.d/match-route.conf"),
      "function match_route()\n{\n    return net ~ ACAST_PS_ADVERTISE;\n}\n",
    );
    await Promise.all([e1.start(), r1.start()]);
    const ipv4 = { file: file(), constant: "ACAST_PS_ADVERTISE", dummy: "10.189.200.255/32" };
    driver = new BirdDriver({ socket: e1.socket, ipv4, ipv6: { protocol: "none" } });
    await driver.open([], () => {});
  }, 60_000);
  afterAll(async () => {
    await driver?.close();
    for (const bird of [e1, r1]) await bird?.[Symbol.asyncDispose]();
    for (const namespace of namespaces) await namespace.remove();
  });

  test("a prefix leaves the peer and comes back; the other stays", async () => {
    await expect.poll(seen, { timeout: 20_000 }).toMatchObject({ announcement: "announced", verified: true });
    expect((await seen()).noRung).toMatch(/by BGP, which has no cost of OSPF/);
    await expect.poll(() => learned(moved)).toBe(true);
    await driver.withdraw([moved]);
    expect(await readFile(file(), "utf8")).toBe(set(other));
    expect(await seen()).toMatchObject({ announcement: "withdrawn", verified: true });
    await expect.poll(() => learned(moved)).toBe(false);
    expect(await learned(other)).toBe(true);
    await driver.announce([moved]);
    await expect.poll(() => learned(moved)).toBe(true);
    expect(await seen()).toMatchObject({ announcement: "announced", verified: true });
  });

  test("no session is no verification", async () => {
    await r1.kill();
    await expect
      .poll(seen, { timeout: 10_000 })
      .toMatchObject({ verified: false, reason: "no BGP session is established" });
  });
});

// The doctor at a real BIRD: each fault is planted alone in its configuration, or stands at a prefix of its own from the start.
import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Namespace } from "../../src/demo/namespace.js";
import { addressOf, type Prefix, prefixOf } from "../../src/route/prefix.js";
import { Bird, birdMissing } from "../support/bird.js";
import { skipWithoutLab } from "../support/lab.js";
import { Examiner, idsOf } from "./router-examiner.js";

/** How e1 and e2 announce each prefix. BIRD holds back what changes within 5 s: so nothing of it changes. */
const announced: Readonly<Record<string, readonly [e1: readonly Way[], e2: readonly Way[]]>> = {
  "203.0.113.53": [["stub"], ["stub"]],
  "203.0.113.54": [["external 1"], ["external 1"]],
  "203.0.113.55": [["external 1"], ["stub"]],
  "203.0.113.56": [["external 1"], ["external 2"]],
  "203.0.113.57": [["stub", "external 1"], ["stub"]],
  "203.0.113.58": [[], ["stub"]],
  "2001:db8::53": [["stub"], ["stub"]],
  "2001:db8::54": [["stub"], ["external 2"]],
};
type Way = "stub" | "external 1" | "external 2";
const [well, external, kinds, types, twice, silent, well6, kinds6] = Object.keys(announced).map(prefixOf) as Prefix[];

interface Planted {
  /** In the OSPF protocols. */
  readonly head?: string;
  /** In area 0. */
  readonly inside?: string;
  readonly beside?: string;
}

function birdConfig(index: 0 | 1, { head = "", inside = "", beside = "" }: Planted = {}): string {
  const ways = Object.entries(announced).map(([address, each]) => [prefixOf(address), each[index]] as const);
  const ospf = (version: number, name: string, family: 4 | 6) => {
    const mine = ways.filter(([prefix]) => prefix.includes(":") === (family === 6));
    const stubs = mine.filter(([, how]) => how.includes("stub")).map(([prefix]) => `stubnet ${prefix};`);
    const filters = ([1, 2] as const).flatMap((type) =>
      mine
        .filter(([, how]) => how.includes(`external ${type}`))
        .map(([prefix]) => `if net = ${prefix} then { ospf_metric${type} = 20; accept; }`),
    );
    return `
protocol ospf v${version} ${name} {
  ${head}
  ipv${family} { import all; export filter { ${filters.join(" ")} reject; }; };
  area 0 { interface "up0" { type ptp; hello 1; dead 4; }; ${stubs.join(" ")} ${inside} };
  ${beside}
}`;
  };
  return `router id 198.18.255.${11 + index};
protocol device { }
protocol direct anycast { ipv4; ipv6; interface "lo"; }
${ospf(2, "edge", 4)}
${ospf(3, "edge6", 6)}
`;
}

let e1: Namespace;
let e2: Namespace;
let bird: Bird;
let other: Bird;
let examiner: Examiner;

const config = (prefix: Prefix) => ({
  min_gap: "0s",
  state: "/nonexistent/state.json",
  services: {
    resolver: {
      // The guard is of IPv4.
      prefixes: [...new Set([well!, prefix])],
      checks: [{ dns: { name: "health.example.com", type: "A" } }],
      route: [{ address: { recovery: "manual" } }],
      guard: { others: 1, bird: bird.socket },
    },
  },
});

const found = async (prefix: Prefix) => idsOf(await examiner.examine({ config: config(prefix) }));
/** Waits for what the routers have yet to tell each other; what is found then stays so. */
async function finds(ids: readonly string[], prefix = well!): Promise<void> {
  await expect.poll(() => found(prefix), { timeout: 20_000, interval: 100 }).toEqual(ids);
  expect(await found(prefix)).toEqual(ids);
}

async function configure(planted?: Planted): Promise<void> {
  await writeFile(bird.path("bird.conf"), birdConfig(0, planted));
  await bird.ask("configure");
}

describe.skipIf(skipWithoutLab() || skipWithoutLab(birdMissing()))("BIRD", () => {
  beforeAll(async () => {
    e1 = await Namespace.create(`ap${process.pid}-bird1`);
    e2 = await Namespace.create(`ap${process.pid}-bird2`);
    await e1.ip("link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", e2.name);
    await e1.ip("link", "add", "up1", "type", "veth", "peer", "name", "end1");
    for (const [index, namespace] of [e1, e2].entries()) {
      await namespace.ip("address", "add", `198.18.9.${index + 1}/24`, "dev", "up0");
      await namespace.ip("link", "set", "up0", "up");
      for (const address of Object.keys(announced)) {
        await namespace.ip("address", "add", prefixOf(address), "dev", "lo");
      }
    }
    await e1.ip("address", "add", "198.18.10.1/24", "dev", "up1");
    for (const name of ["up1", "end1"]) await e1.ip("link", "set", name, "up");
    bird = await Bird.create(e1, () => birdConfig(0));
    other = await Bird.create(e2, () => birdConfig(1));
    await Promise.all([bird.start(), other.start()]);
    examiner = await Examiner.open(e1);
  });
  afterAll(async () => {
    examiner?.close();
    await bird?.[Symbol.asyncDispose]();
    await other?.[Symbol.asyncDispose]();
    await e1?.remove();
    await e2?.remove();
  });

  test.each([well, external, well6])("%s, announced as it should be, is met with silence", (prefix) =>
    finds([], prefix!),
  );

  test.each([
    ["mixed-kinds", kinds],
    ["mixed-kinds", kinds6],
    ["mixed-metric-types", types],
    ["announced-twice", twice],
    ["prefix-unannounced", silent],
  ])("%s is named at %s, and nothing else", async (id, prefix) => {
    await finds([id], prefix!);
    const [{ subject } = { subject: "" }] = await examiner.examine({ config: config(prefix!) });
    expect(subject).toBe(`${addressOf(prefix!)}/${prefix!.includes(":") ? 128 : 32}`);
  });

  test.each<[string, Planted]>([
    ["graceful-restart", { head: "graceful restart on;" }],
    ["stub-router", { head: "stub router yes;" }],
    ["dead-interval-long", { inside: 'interface "up1" { type ptp; };' }],
  ])("%s is named, and nothing else", async (id, planted) => {
    await configure(planted);
    await finds([id]);
    await configure();
    await finds([]);
  });

  test("a configuration with which BIRD cannot start again is named with its place", async () => {
    await writeFile(bird.path("bird.conf"), "router id 198.18.255.11;\nprotocoll device { }\n");
    expect(await examiner.examine({ config: config(well!) })).toMatchObject([
      {
        id: "router-config-broken",
        subject: bird.path("bird.conf"),
        message: expect.stringContaining("bird.conf:2:1 syntax error"),
      },
    ]);
    await configure();
    await finds([]);
  });

  test("what an included file says counts, what a comment says does not", async () => {
    await writeFile(bird.path("edge-1.inc"), "graceful restart on;\n");
    await configure({ head: `include "${bird.path("edge-*.inc")}";` });
    await finds(["graceful-restart"]);
    await configure({ head: "/* graceful restart on; */ # graceful restart on;\n" });
    await finds([]);
  });

  test("rfc1583-missing is named at a border router", async () => {
    await configure({ beside: "area 1 { stubnet 198.18.77.0/24; };" });
    await finds(["rfc1583-missing"]);
    await configure();
  });

  test("no-adjacency is named, and a BIRD that is gone", async () => {
    await e2.ip("link", "set", "up0", "down");
    await finds(["no-adjacency"]);
    await bird.kill();
    await finds(["router-unreachable"]);
  });
});

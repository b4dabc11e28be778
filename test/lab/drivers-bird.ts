// The bird.conf of an endpoint that runs BIRD in FRR's place: what `protocol direct` finds on lo leaves as AS-externals of type 1 at
// metric 20, as FRR's `redistribute connected` does on the other endpoint.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Network } from "../../src/demo/network.js";
import { Bird } from "../support/bird.js";
import { within } from "../support/daemon.js";

/** The prefixes of a family that the endpoint announces. */
export type Prefixes = Readonly<Record<"ipv4" | "ipv6", readonly string[]>>;

/** The set of each family in its own file, as anycast_healthchecker names it. */
export const sets = {
  ipv4: { file: "anycast-prefixes.conf", constant: "ACAST_PS_ADVERTISE", dummy: "10.189.200.255/32" },
  ipv6: { file: "anycast6-prefixes.conf", constant: "ACAST6_PS_ADVERTISE", dummy: "2001:db8:ffff::1/128" },
} as const;

const rungs = { DEGRADED: 20_000, DRAINED: 40_000, DEAD: 16_777_214 };
const families = ["ipv4", "ipv6"] as const;
const everythingOnLo = 'protocol direct on_lo { ipv4; ipv6; interface "lo"; }';

/** BirdFiles gives the bird.conf, and the files beside it in `directory`, by their names. */
export type BirdFiles = (prefixes: Prefixes, directory: string) => Readonly<Record<string, string>>;

/** startBird puts BIRD in the place of what runs at the first endpoint; resolves when R1 routes by it as before. */
export async function startBird(network: Network, files: BirdFiles, prefixes: Prefixes): Promise<Bird> {
  const { namespace, router, address, address6 } = network.endpoints[0]!;
  // In good order they take back what they announced, instead of leaving it to the dead interval.
  await Promise.all((["ospfd", "ospf6d"] as const).map((daemon) => router.signalOspfd("SIGTERM", daemon)));
  await router.stop();
  // Until R1 has given up what was there before, it looks settled when it is not.
  const routed = async () =>
    (
      await Promise.all(
        Object.values(prefixes)
          .flat()
          .map((prefix) => network.nextHops(prefix)),
      )
    ).flat();
  const gone = await within(15_000, async () => {
    const hops = await routed();
    return !hops.includes(address) && !hops.includes(address6) ? true : undefined;
  });
  if (!gone) throw new Error("R1 routes by an endpoint whose router has ended");
  const bird = await Bird.create(namespace, (directory) => files(prefixes, directory)["bird.conf"]!);
  try {
    for (const [name, text] of Object.entries(files(prefixes, bird.directory))) await writeFile(bird.path(name), text);
    await bird.start();
    await network.settled();
    return bird;
  } catch (error) {
    await bird[Symbol.asyncDispose]();
    throw error;
  }
}

/** protocolOf names the protocol that feeds one prefix alone, in protocolConfig. */
export function protocolOf(prefix: string): string {
  return `feeds_${prefix.replace(/\/.*/, "").replace(/\W+/g, "_")}`;
}

/** includeConfig lets out what the sets of the included files have, at the rung's metric where that set has it. */
export function includeConfig(directory: string): string {
  const filters = families.map((family) => {
    const { constant } = sets[family];
    const metrics = Object.entries(rungs).map(
      ([rung, metric]) => `    if net ~ ${constant}_${rung} then ospf_metric1 = ${metric};`,
    );
    return filter(family, `net ~ ${constant}`, metrics);
  });
  const includes = families.map((family) => `include "${join(directory, sets[family].file)}";`);
  return config([...includes, everythingOnLo], filters);
}

/** includedFile is the text of a family's file, with all of `prefixes` let out. */
export function includedFile(family: (typeof families)[number], prefixes: readonly string[]): string {
  const { constant, dummy } = sets[family];
  const empty = Object.keys(rungs).map((rung) => `define ${constant}_${rung} = [ ${dummy} ];`);
  return [`define ${constant} = [ ${[dummy, ...prefixes].join(", ")} ];`, ...empty, ""].join("\n");
}

/** protocolConfig has a protocol for each prefix, which brings that one alone. */
export function protocolConfig(prefixes: Prefixes): string {
  const protocols = families.flatMap((family) =>
    prefixes[family].map((prefix) => {
      const channel = `${family} { import where net = ${prefix}; }`;
      return `protocol direct ${protocolOf(prefix)} { ${channel}; interface "lo"; }`;
    }),
  );
  return config(protocols, filtersOf(prefixes));
}

/** directConfig lets out the prefixes while they are on lo. */
export function directConfig(prefixes: Prefixes): string {
  return config([everythingOnLo], filtersOf(prefixes));
}

function filtersOf(prefixes: Prefixes): string[] {
  return families.map((family) => filter(family, `net ~ [ ${prefixes[family].join(", ")} ]`, []));
}

function filter(family: (typeof families)[number], condition: string, more: readonly string[]): string {
  const metric = ["    ospf_metric1 = 20;", ...more, "    accept;"];
  return [`filter anycast_${family} {`, `  if ${condition} then {`, ...metric, "  }", "  reject;", "}"].join("\n");
}

function config(feeds: readonly string[], filters: readonly string[]): string {
  const area = 'area 0 { interface "up0" { type ptp; hello 1; dead 4; }; };';
  const ospf = families.map((family, index) => {
    const channel = `${family} { import none; export filter anycast_${family}; };`;
    return `protocol ospf v${index + 2} ospf_${family} { ${channel} ${area} }`;
  });
  return ["router id 198.18.255.11;", "protocol device {}", ...feeds, ...filters, ...ospf, ""].join("\n");
}

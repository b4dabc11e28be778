// The snippet for the router that goes with the config: only what it lacks, ready to paste. Pure.
import { type Family, familyOf } from "../probe/target.js";
import type { IncludeOptions } from "../route/bird-include.js";
import { announcements, isRung, rungCosts } from "../route/driver.js";
import { areaOf, type OspfConfig, widerNetwork } from "../route/ospf-config.js";
import { covers } from "../route/ospf-filters.js";
import { familyOfPrefix, type Prefix } from "../route/prefix.js";
import { buildRoute } from "../run/route-build.js";
import { routeSchema } from "../run/route-schema.js";
import type { Found } from "./found.js";
import { isMovable } from "./router.js";

/** routerText gives lines for the router's configuration; empty where there is no router, or it has all that it needs. */
export function routerText({ router, prefixes, otherAddresses }: Found): string {
  const all = prefixes.map(({ prefix }) => prefix);
  if (router?.kind === "bird") {
    const wanting = all.filter((prefix) => !isMovable(router, prefix));
    return wanting.length === 0 ? "" : birdText(wanting);
  }
  const config = router?.config;
  return config ? frrText(config, all, otherAddresses) : "";
}

/** A statement for each prefix alone, so that it can be taken away alone, and changes that leave at once. */
function frrText(config: OspfConfig, prefixes: readonly Prefix[], otherAddresses: readonly string[]): string {
  const area = config.networks[0]?.area ?? "0";
  const wanting = prefixes.filter(
    (prefix) =>
      familyOfPrefix(prefix) === 4 &&
      areaOf(config, prefix) === undefined &&
      config.redistributeConnected === undefined,
  );
  const wider = new Set(
    wanting.flatMap((prefix) => {
      const network = widerNetwork(config, prefix);
      if (network === undefined) return [];
      const line = `no network ${network.prefix} area ${network.area}`;
      // Without it ospfd would leave the devices of these.
      const others = otherAddresses.filter((address) => familyOf(address) === 4 && covers(network.prefix, address));
      return others.length === 0 ? [line] : [`! give ${others.join(", ")} a statement apart, and only then: ${line}`];
    }),
  );
  const lines = [
    ...wanting.map((prefix) => `network ${prefix} area ${area}`),
    ...wider,
    ...(config.timers.throttleLsaMs === 0 ? [] : ["timers throttle lsa all 0"]),
  ];
  if (lines.length === 0) return "";
  return ["! ospfd lacks these: vtysh, configure terminal", "router ospf", ...lines.map((line) => ` ${line}`), ""].join(
    "\n",
  );
}

/** BIRD tells nobody its configuration, so this is all that it needs beside its OSPF protocols: the sets that the driver edits. */
function birdText(prefixes: readonly Prefix[]): string {
  const entry = buildRoute(routeSchema.parse("bird"));
  if (entry.driver !== "bird") throw new Error(`expected the bird driver, got ${entry.driver}`);
  const families = ([4, 6] as const).filter((family) => prefixes.some((prefix) => familyOfPrefix(prefix) === family));
  const parts = families.map((family) => {
    const way = family === 4 ? entry.ipv4 : entry.ipv6;
    if ("protocol" in way) throw new Error("expected a file");
    return birdFamilyText(family, way, prefixes);
  });
  return parts.join("\n");
}

function birdFamilyText(family: Family, way: IncludeOptions, prefixes: readonly Prefix[]): string {
  const { file, constant, dummy } = way;
  const own = prefixes.filter((prefix) => familyOfPrefix(prefix) === family);
  const rungs = announcements.filter(isRung).map((rung) => ({ rung, name: `${constant}_${rung.toUpperCase()}` }));
  const metric = "ospf_metric1";
  return [
    `# bird.conf; ${metric} where all endpoints have it`,
    `include "${file}";`,
    `protocol direct anycast${family}_addresses { ipv${family}; interface "lo"; }`,
    `filter anycast${family} {`,
    `  if net !~ ${constant} then reject;`,
    `  ${metric} = 20;`,
    ...rungs.map(({ rung, name }) => `  if net ~ ${name} then ${metric} = ${rungCosts[rung].external};`),
    "  accept;",
    "}",
    `# and in its OSPF protocol: ipv${family} { export filter anycast${family}; };`,
    "",
    `# ${file}, which anyprobe edits`,
    `define ${constant} = [ ${[dummy, ...own].join(", ")} ];`,
    ...rungs.map(({ name }) => `define ${name} = [ ${dummy} ];`),
    "",
  ].join("\n");
}

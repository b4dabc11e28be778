// The snippet for the router that goes with the config: only what it lacks, ready to paste. Pure.
import type { Family } from "../probe/target.js";
import { areaOf, type OspfConfig, widerNetwork } from "../route/ospf-config.js";
import { familyOfPrefix, type Prefix } from "../route/prefix.js";
import type { Found } from "./found.js";

/** routerText gives lines for the router's configuration; empty where there is no router, or it has all that it needs. */
export function routerText({ router, prefixes }: Found): string {
  const all = prefixes.map(({ prefix }) => prefix);
  if (router?.kind === "bird") return birdText(all);
  const config = router?.config;
  return config ? frrText(config, all) : "";
}

/** A statement for each prefix alone, so that it can be taken away alone, and changes that leave at once. */
function frrText(config: OspfConfig, prefixes: readonly Prefix[]): string {
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
      return network ? [`no network ${network.prefix} area ${network.area}`] : [];
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

/** BIRD tells nobody its configuration, so this is all that it needs beside its OSPF protocols. */
function birdText(prefixes: readonly Prefix[]): string {
  const families = ([4, 6] as const).filter((family) => prefixes.some((prefix) => familyOfPrefix(prefix) === family));
  return [
    "# bird.conf, where it does not announce them yet; all endpoints with the same metric type",
    ...families.flatMap((family) => birdLines(family, prefixes)),
    "",
  ].join("\n");
}

function birdLines(family: Family, prefixes: readonly Prefix[]): string[] {
  const own = prefixes.filter((prefix) => familyOfPrefix(prefix) === family).join(", ");
  return [
    `protocol direct anycast${family} { ipv${family}; interface "lo"; }`,
    `filter anycast${family}_out { if net ~ [ ${own} ] then { ospf_metric1 = 20; accept; } reject; }`,
    `# and in the OSPF protocol: ipv${family} { export filter anycast${family}_out; };`,
  ];
}

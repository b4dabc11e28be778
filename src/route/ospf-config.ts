// What ospfd's running configuration says about announcing: `router ospf`, its networks and its redistribution. Pure.
import { covers, type Filters, metricMapsIn, readFilters } from "./ospf-filters.js";
import { addressOf, type Prefix } from "./prefix.js";

/** Network is one `network PREFIX area AREA` line; the area stands as it was written, `0` or `0.0.0.0`. */
export interface Network {
  readonly prefix: string;
  readonly area: string;
}

/** Cost is one `ip ospf cost COST [ADDRESS]` line of an interface; without an address it is for all that have none of their own. */
export interface Cost {
  readonly device: string;
  readonly address?: string;
  readonly cost: number;
}

/** OspfConfig is what the lines below `router ospf` say, and what others say of announcing. */
export interface OspfConfig {
  /** FRR's release as a number that compares, 8.4 as 8004; undefined where it is not FRR. */
  readonly release: number | undefined;
  /** The heads of all OSPF instances, as `router ospf` or `router ospf vrf blue`. */
  readonly routers: readonly string[];
  readonly routerId: string | undefined;
  readonly networks: readonly Network[];
  /** The whole `redistribute connected …` line, as configured. */
  readonly redistributeConnected: string | undefined;
  /** Interfaces with `ip ospf area`: they announce all their addresses without a network statement. */
  readonly areaInterfaces: readonly string[];
  readonly costs: readonly Cost[];
  /** `ip ospf prefix-suppression ADDRESS` lines: these addresses are not announced, whatever covers them. */
  readonly suppressed: readonly { readonly device: string; readonly address: string }[];
  readonly filters: Filters;
  /** Route-maps with a `set metric` of their own, which beats that of a redistribute line. */
  readonly metricMaps: readonly string[];
  readonly timers: {
    /** ms between two originations of one LSA; FRR's default is 5000. */
    readonly throttleLsaMs: number;
    /** ms within which a newer instance of a neighbour's LSA is dropped; FRR's default is 1000. */
    readonly minArrivalMs: number;
  };
}

/** readOspfConfig reads what ospfd answers to `show running-config`; lines of the default VRF's `router ospf` only. */
export function readOspfConfig(text: string): OspfConfig {
  const routers: string[] = [];
  const networks: Network[] = [];
  const areaInterfaces: string[] = [];
  const costs: Cost[] = [];
  const suppressed: { device: string; address: string }[] = [];
  const filters = readFilters(text);
  const [, major, minor] = /^frr version (\d+)\.(\d+)/m.exec(text) ?? [];
  const release = major === undefined ? undefined : releaseOf(Number(major), Number(minor));
  const timers = { throttleLsaMs: 5000, minArrivalMs: 1000 };
  let routerId: string | undefined;
  let redistributeConnected: string | undefined;
  let section = "";
  for (const line of text.split("\n")) {
    if (!/^\s/.test(line)) {
      if (line !== "") section = line.trim();
      if (/^router ospf\b/.test(line)) routers.push(section);
      continue;
    }
    const words = line.trim().split(/\s+/);
    if (section.startsWith("interface ")) {
      const device = section.slice(10);
      if (line.startsWith(" ip ospf area ")) areaInterfaces.push(device);
      else if (line.startsWith(" ip ospf cost ")) costs.push(costOf(device, words));
      else if (line.startsWith(" ip ospf prefix-suppression ")) suppressed.push({ device, address: words[3]! });
    }
    if (section !== "router ospf") continue;
    if (words[0] === "network" && words[2] === "area") networks.push({ prefix: words[1]!, area: words[3]! });
    else if (line.startsWith(" redistribute connected")) redistributeConnected = line.trim();
    else if (/^ (ospf )?router-id /.test(line)) routerId = words.at(-1);
    else if (line.startsWith(" timers throttle lsa all ")) timers.throttleLsaMs = Number(words[4]);
    else if (line.startsWith(" timers lsa min-arrival ")) timers.minArrivalMs = Number(words[3]);
  }
  const metricMaps = metricMapsIn(filters);
  const announcing = { networks, redistributeConnected, areaInterfaces, costs, suppressed, filters, metricMaps };
  return { release, routers, routerId, ...announcing, timers };
}

function releaseOf(major: number, minor: number): number {
  return 1000 * major + minor;
}

/** knowsSuppression tells whether this release has `ip ospf prefix-suppression ADDRESS`. */
export function knowsSuppression({ release }: OspfConfig): boolean {
  return release !== undefined && release >= releaseOf(9, 1);
}

/** isSuppressed tells whether the address of a prefix is under prefix-suppression. */
export function isSuppressed({ suppressed }: OspfConfig, prefix: Prefix): boolean {
  return suppressed.some(({ address }) => address === addressOf(prefix));
}

function costOf(device: string, [, , , cost, address]: readonly string[]): Cost {
  return { device, cost: Number(cost), ...(address !== undefined && { address }) };
}

/** addressCost gives the cost that is configured for exactly this address of a device; undefined where none is. */
export function addressCost(config: OspfConfig, device: string, prefix: Prefix): number | undefined {
  const address = addressOf(prefix);
  return config.costs.find((one) => one.device === device && one.address === address)?.cost;
}

/** deviceCost gives the cost that is configured for all addresses of a device; undefined where none is. */
export function deviceCost(config: OspfConfig, device: string): number | undefined {
  return config.costs.find((one) => one.device === device && one.address === undefined)?.cost;
}

/** metricOf gives the metric of a redistribute line; undefined where it has none. */
export function metricOf(line: string): number | undefined {
  const metric = / metric (\d+)/.exec(line)?.[1];
  return metric === undefined ? undefined : Number(metric);
}

/** metricTypeOf gives the metric-type of a redistribute line; 2 is the router's default. */
export function metricTypeOf(line: string): 1 | 2 {
  return / metric-type 1\b/.test(line) ? 1 : 2;
}

/** withMetric gives a redistribute line another metric and leaves the rest, in the order in which the router writes it. */
export function withMetric(line: string, metric: number): string {
  return line.replace(/ metric \d+/, "").replace("redistribute connected", `redistribute connected metric ${metric}`);
}

/** routeMapOf names the route-map of a redistribute line. */
export function routeMapOf(line: string): string | undefined {
  return / route-map (\S+)/.exec(line)?.[1];
}

/** areaOf gives the area of the statement that names exactly this prefix. */
export function areaOf(config: OspfConfig, prefix: Prefix): string | undefined {
  return config.networks.find((network) => network.prefix === prefix)?.area;
}

/** coveredBy quotes what announces a prefix together with other addresses; undefined where nothing can. */
export function coveredBy(config: OspfConfig, prefix: Prefix): string | undefined {
  const wider = widerNetwork(config, prefix);
  if (wider !== undefined) return `\`network ${wider.prefix} area ${wider.area}\``;
  return config.areaInterfaces.length === 0 ? undefined : `\`ip ospf area\` on ${config.areaInterfaces.join(", ")}`;
}

/** widerNetwork finds a statement that covers the prefix together with others: it cannot be taken away for one prefix. */
export function widerNetwork(config: OspfConfig, prefix: Prefix): Network | undefined {
  return config.networks.find((network) => network.prefix !== prefix && covers(network.prefix, addressOf(prefix)));
}

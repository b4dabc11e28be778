// The ospfd.conf and ospf6d.conf of a node in the demo network. Pure.

export interface OspfOptions {
  /**
   * How endpoints announce: a network statement for each prefix (ospf6d: `ipv6 ospf6 area` on lo, for all of them), or
   * `redistribute connected` through a route-map.
   */
  readonly announce: "network" | "redistribute";
  /** tuned: nothing waits (docs/routing); default: as FRR is shipped, where a second change within seconds takes long. */
  readonly timers: "tuned" | "default";
  /** Host prefixes; those of IPv6 get their address on lo, and are announced where there is an ospf6d. */
  readonly prefixes: readonly string[];
}

/** Area is a network of links and the area that they are in. */
export interface Area {
  readonly network: string;
  readonly area: number;
}

interface NodeOptions extends OspfOptions {
  readonly interfaces: readonly string[];
  /** The area of each interface. */
  readonly linkAreas: readonly number[];
  /** The interface of a network without routers, in area 0, that is announced too. OSPFv2 has it among `areas`. */
  readonly passive?: string;
  /** The links' networks; an endpoint has one, and announces the prefixes in its area. */
  readonly areas: readonly Area[];
  readonly routerId: string;
  /** Endpoints announce the prefixes, R1 does not. */
  readonly endpoint: boolean;
}

/** redistributeLine is the line that the endpoints redistribute by. */
export const redistributeLine = "redistribute connected metric 20 metric-type 1 route-map ANYCAST";

const tuned = [" timers throttle lsa all 0", " timers lsa min-arrival 0", " timers throttle spf 0 0 50"];

/** ospfConfig writes one node's configuration. */
export function ospfConfig(options: NodeOptions): string {
  const prefixes = options.endpoint ? options.prefixes.filter((prefix) => !prefix.includes(":")) : [];
  const redistribute = options.endpoint && options.announce === "redistribute";
  const lines = options.interfaces.flatMap((name) => [
    `interface ${name}`,
    " ip ospf network point-to-point",
    " ip ospf hello-interval 1",
    " ip ospf dead-interval 4",
    "!",
  ]);
  if (redistribute) {
    lines.push(...prefixes.map((prefix, index) => `ip prefix-list ANYCAST seq ${5 * (index + 1)} permit ${prefix}`));
    lines.push("route-map ANYCAST permit 10", " match ip address prefix-list ANYCAST", "!");
  }
  lines.push("router ospf", ` ospf router-id ${options.routerId}`);
  lines.push(...options.areas.map(({ network, area }) => ` network ${network} area ${area}`));
  if (redistribute) lines.push(` ${redistributeLine}`);
  else lines.push(...prefixes.map((prefix) => ` network ${prefix} area ${options.areas[0]!.area}`));
  // Else a border router prefers whoever announces an external in another area than 0, whatever it costs (RFC 2328, 16.4.1).
  if (options.areas.some(({ area }) => area !== 0)) lines.push(" compatible rfc1583");
  if (options.timers === "tuned") lines.push(...tuned);
  return `${lines.join("\n")}\n`;
}

/** redistributeLine6 is redistributeLine as ospf6d writes it. */
export const redistributeLine6 = "redistribute connected metric 20 metric-type 1 route-map ANYCAST6";

// ospf6d has no `timers throttle lsa`.
const tuned6 = [" timers lsa min-arrival 0", " timers throttle spf 0 0 50"];

/** ospf6Config writes one node's configuration of ospf6d. */
export function ospf6Config(options: NodeOptions): string {
  const prefixes = options.endpoint ? options.prefixes.filter((prefix) => prefix.includes(":")) : [];
  const redistribute = options.announce === "redistribute";
  const lines = options.interfaces.flatMap((name, index) => [
    `interface ${name}`,
    ` ipv6 ospf6 area ${options.linkAreas[index] ?? 0}`,
    " ipv6 ospf6 network point-to-point",
    " ipv6 ospf6 hello-interval 1",
    " ipv6 ospf6 dead-interval 4",
    "!",
  ]);
  if (options.passive !== undefined)
    lines.push(`interface ${options.passive}`, " ipv6 ospf6 area 0", " ipv6 ospf6 passive", "!");
  if (prefixes.length > 0 && redistribute) {
    lines.push(...prefixes.map((prefix, index) => `ipv6 prefix-list ANYCAST6 seq ${5 * (index + 1)} permit ${prefix}`));
    lines.push("route-map ANYCAST6 permit 10", " match ipv6 address prefix-list ANYCAST6", "!");
  } else if (prefixes.length > 0) {
    lines.push("interface lo", ` ipv6 ospf6 area ${options.linkAreas[0] ?? 0}`, "!");
  }
  lines.push("router ospf6", ` ospf6 router-id ${options.routerId}`);
  if (prefixes.length > 0 && redistribute) lines.push(` ${redistributeLine6}`);
  if (options.timers === "tuned") lines.push(...tuned6);
  return `${lines.join("\n")}\n`;
}

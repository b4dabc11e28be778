// From which address this host speaks: never from an anycast one, or the answers reach whichever endpoint is nearest.
import { ConfigError } from "../errors.js";
import type { Family } from "../probe/target.js";
import { addressOf, familyOfPrefix } from "../route/prefix.js";
import { pickSource } from "../run/source.js";
import type { Finding } from "./finding.js";
import type { Context, Examination } from "./host.js";
import { type Route, routeTo, unicastRoutes } from "./ip-route.js";

export const examineSources: Examination = {
  name: "source addresses",
  examine: async (context) => {
    const families = [...new Set(context.prefixes.map(familyOfPrefix))];
    const found = await Promise.all(families.map((family) => examineFamily(context, family)));
    return found.flat();
  },
};

/** Where nobody is (RFC 5737, RFC 3849): what is sent there takes the default route. */
const farAway: Readonly<Record<Family, string>> = { 4: "192.0.2.1", 6: "2001:db8:ffff:ffff::1" };
/** So many destinations are asked for at most: a router with a full table has too many. */
const mostDestinations = 32;

async function examineFamily(context: Context, family: Family): Promise<readonly Finding[]> {
  const anycast = new Set(context.prefixes.map(addressOf));
  const unicast = await unicastRoutes(context, family);
  const preferred = unicast.filter(({ prefsrc }) => prefsrc !== undefined && anycast.has(prefsrc));
  const destinations = [
    farAway[family],
    ...unicast.flatMap((route) => [route.gateway, destinationOf(route.dst, family)]),
  ];
  const asked = [...new Set(destinations)]
    .filter((one): one is string => one !== undefined && !anycast.has(one))
    .slice(0, mostDestinations);
  const picked = await Promise.all(asked.map((to) => routeTo(context, family, to)));
  // One for each device and address: a device without addresses has many destinations.
  const wrong = new Map(
    picked.flatMap((route) =>
      route?.prefsrc !== undefined && anycast.has(route.prefsrc) && route.dev !== "lo"
        ? [[`${route.dev} ${route.prefsrc}`, route] as const]
        : [],
    ),
  );
  // Where a route asks for it, the kernel obeys, and picks nothing.
  for (const { dev, prefsrc } of preferred) wrong.delete(`${dev} ${prefsrc}`);
  return [
    ...preferred.map((route) => preferring(route, family)),
    ...[...wrong.values()].map((route) => picking(route, family)),
    ...probing(context, family),
  ];
}

function destinationOf(dst: string, family: Family): string {
  return dst === "default" ? farAway[family] : dst.split("/", 1)[0]!;
}

function preferring({ dst, dev, prefsrc, gateway, table }: Route, family: Family): Finding {
  const via = `${dst}${gateway ? ` via ${gateway}` : ""}${dev ? ` dev ${dev}` : ""}${table ? ` table ${table}` : ""}`;
  return {
    id: "route-source",
    severity: "error",
    subject: dst,
    message: `expected routes to prefer unicast sources, found ${prefsrc} as the source of the route ${via}: answers to what is sent there reach any endpoint`,
    fix: `ip -${family} route replace ${via} src UNICAST, and correct it where it is configured`,
  };
}

function picking({ dst, dev, prefsrc }: Route, family: Family): Finding {
  const deprecate =
    family === 6
      ? `, or deprecate it, so that any other is preferred: ip address change ${prefsrc}/128 dev lo preferred_lft 0`
      : "";
  return {
    id: "source-anycast",
    severity: "error",
    subject: dev ?? dst,
    message: `expected what leaves by ${dev} to have a unicast source, found that ${prefsrc} is picked towards ${dst}: ${dev} has no usable address of its own`,
    fix: `give ${dev} an address, or its routes a source: ip -${family} route replace … dev ${dev} src UNICAST${deprecate}`,
  };
}

/** The probes' own source, as the daemon picks it. */
function probing(context: Context, family: Family): Finding[] {
  const choice = context.config?.source[`ipv${family}`] ?? "auto";
  try {
    pickSource(family, choice, context.prefixes, context.addresses, context.links);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const fix = `give this host a unicast IPv${family} address, or correct source.ipv${family}`;
    return [{ id: "probe-source", severity: "error", subject: `source.ipv${family}`, message: error.message, fix }];
  }
}

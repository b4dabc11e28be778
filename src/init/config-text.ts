// The config that `init` writes: what it found, as YAML with a comment for every choice. Pure.
import type { DnsQuery } from "../probe/query.js";
import type { Family } from "../probe/target.js";
import { familyOfPrefix, type Prefix } from "../route/prefix.js";
import type { Found, FoundPrefix } from "./found.js";
import { isMovable, type Router } from "./router.js";

/** What to ask where nothing was answered: whoever reads the file must put a name of their own. */
const placeholder: DnsQuery = { name: "health.example.com", type: "A" };

/** configText writes the config. `host` and `date` are for its first line. */
export function configText(found: Found, host: string, date: string): string {
  const services = byServer(found.prefixes);
  return [
    `# anyprobe on ${host}: written by \`anyprobe init\` on ${date}. \`anyprobe config check\` says what is wrong in it,`,
    "# `anyprobe config print` shows every default, `anyprobe run --dry-run` probes and decides without moving a route.",
    ...gapLines(found),
    "services:",
    ...services.flatMap(([name, prefixes]) => serviceLines(name, prefixes, found)),
    "",
  ].join("\n");
}

/** Prefixes of one server and family are one service: they live and die together, and go the same way. */
function byServer(prefixes: readonly FoundPrefix[]): [string, FoundPrefix[]][] {
  const services = new Map<string, FoundPrefix[]>();
  const several = new Set(prefixes.map(({ prefix }) => familyOfPrefix(prefix))).size > 1;
  for (const found of prefixes) {
    const server = (found.server?.name ?? "dns").replaceAll(/[^A-Za-z0-9_-]+/g, "-").replace(/-+$/, "");
    const name = familyOfPrefix(found.prefix) === 6 && several ? `${server}-ipv6` : server;
    services.set(name, [...(services.get(name) ?? []), found]);
  }
  return [...services];
}

/** Timers that nobody tuned are the default of min_gap; tuned ones let changes follow at once. */
function gapLines({ router }: Found): string[] {
  if (router?.config?.timers.throttleLsaMs !== 0) return [];
  return [
    "",
    "# ospfd has `timers throttle lsa all 0`. Where its neighbours have `timers lsa min-arrival 0` too, take the # away:",
    "# min_gap: 0s",
    "",
  ];
}

function serviceLines(name: string, prefixes: readonly FoundPrefix[], found: Found): string[] {
  return [
    `  ${name}:`,
    "    prefixes:",
    ...prefixes.map((one) => `      - ${one.prefix}  # ${placeOf(one)}`),
    ...checkLines(prefixes, found),
    ...routeLines(prefixes, found),
    ...guardLines(prefixes, found),
  ];
}

function placeOf({ place, server }: FoundPrefix): string {
  const where = place
    ? `on ${place.device}${place.label === place.device ? "" : `, label ${place.label}`}`
    : "on no device yet";
  if (!server) return `${where}; no server takes queries there`;
  return `${where}; ${server.name} (pid ${server.pid}) takes queries at port ${server.port}${server.bound ? "" : " of all addresses"}`;
}

function checkLines(prefixes: readonly FoundPrefix[], { given }: Found): string[] {
  const asked = prefixes.find(({ question }) => question !== undefined);
  const { name, type, class: klass } = asked?.question ?? given ?? placeholder;
  const port = prefixes.find(({ server }) => server)?.server?.port ?? 53;
  const parts = [
    `name: ${name}`,
    `type: ${type}`,
    ...(klass ? [`class: ${klass}`] : []),
    ...(port === 53 ? [] : [`port: ${port}`]),
  ];
  const why = asked
    ? "# It was answered just now. Better is a name that only a healthy server can answer, with the answer that must come."
    : given
      ? "# TODO: it was not answered here just now. See to it before the daemon decides by it."
      : "# TODO: nothing answered here just now. Put a name of your own that a healthy server answers.";
  return [
    "    checks:",
    `      ${why}`,
    `      - dns: { ${parts.join(", ")} }`,
    "        expect: { rcode: NOERROR, min_answers: 1 }",
  ];
}

/** A check that was never seen to pass must take no route down: until somebody has seen to it, nothing is moved. */
function routeLines(prefixes: readonly FoundPrefix[], found: Found): string[] {
  const lines = moverLines(prefixes, found);
  if (prefixes.some(({ question }) => question !== undefined)) return ["    route:", ...lines];
  const [last = ""] = lines.slice(-1);
  return [
    "    route:",
    ...lines.slice(0, -1),
    "      # TODO: nothing is moved before its check is seen to pass. Then take the # away, and `none`.",
    last.replace("- ", "# - "),
    "      - none",
  ];
}

function moverLines(prefixes: readonly FoundPrefix[], { router }: Found): string[] {
  if (router && prefixes.every(({ prefix }) => isMovable(router, prefix))) {
    const { way = "its router announces it by a statement of its own" } = router.observed.get(prefixes[0]!.prefix)!;
    const usual = router.path === { frr: "/run/frr", bird: "/run/bird/bird.ctl" }[router.kind];
    const key = router.kind === "frr" ? "sockets" : "socket";
    const entry = usual ? router.kind : `${router.kind}: { ${key}: ${router.path} }`;
    return [`      # ${way}.`, `      - ${entry}`];
  }
  const { place } = prefixes.find((one) => one.place) ?? {};
  const label = place && place.label !== place.device ? [`label: "${place.label}"`] : [];
  const device = place && place.device !== "lo" ? [`device: ${place.device}`] : [];
  const six = familyOf(prefixes) === 6;
  const keys = [...device, ...label, ...(six ? ["recovery: anchor"] : [])];
  return [
    ...reasonLines(prefixes, router),
    ...(six
      ? ["      # On IPv6 the server must have `ip-freebind: yes` to restart while its address is withdrawn."]
      : []),
    keys.length === 0 ? "      - address" : `      - address: { ${keys.join(", ")} }`,
  ];
}

/** Why the router itself is not asked to move the prefix. */
function reasonLines(prefixes: readonly FoundPrefix[], router: Router | undefined): string[] {
  const why = (prefix: Prefix): string | undefined => {
    if (!router) return undefined;
    const seen = router.observed.get(prefix);
    if (!seen) return `${prefix}: nothing at ${router.path} announces IPv${familyOfPrefix(prefix)}`;
    const away = seen.announcement === "withdrawn" ? `${prefix} is not announced by the router now` : undefined;
    return router.refusals.get(prefix) ?? seen.reason ?? away;
  };
  const reasons = [...new Set(prefixes.flatMap(({ prefix }) => why(prefix) ?? []))];
  return [
    "      # Withdraws by taking the address away, whatever routing daemon announces it.",
    ...reasons.map((reason) => `      # ${reason}.`),
  ];
}

function guardLines(prefixes: readonly FoundPrefix[], { router }: Found): string[] {
  const family = familyOf(prefixes);
  if (router?.families.includes(family)) {
    return [
      "    # The last endpoint that the link-state database shows stays announced.",
      `    guard: { others: 1, ${router.kind}: ${router.path} }`,
    ];
  }
  return [
    `    # No router with OSPF for IPv${family} was found here, so nobody can tell whether this is the last endpoint.`,
    "    guard: none",
  ];
}

function familyOf([first]: readonly FoundPrefix[]): Family {
  return familyOfPrefix(first!.prefix);
}

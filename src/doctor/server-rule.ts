// What is wrong with a name server for an anycast service, whichever it is. Pure.
import { canonicalAddress, familyOf } from "../probe/target.js";
import { familyOfPrefix } from "../route/prefix.js";
import type { Finding } from "./finding.js";
import type { Asked, Context } from "./host.js";
import type { Server } from "./server-process.js";
import type { Limit, Settings } from "./server-settings.js";

/** Probe is one check at one address as the server sees it. */
export interface Probe {
  readonly asked: Asked;
  readonly source: string;
  /** Undefined where nothing is known of it. */
  readonly name: string | undefined;
  /** Queries a second at most, over UDP. */
  readonly perSecond: number;
  /** No cache knows the answer. */
  readonly misses: boolean;
}

/** judgeServer judges what its settings mean for the probes and for the anycast addresses. */
export function judgeServer(
  server: Server,
  settings: Settings,
  probes: readonly Probe[],
  context: Pick<Context, "prefixes" | "services">,
): Finding[] {
  return [
    ...judgeSources(server, settings, probes, context),
    ...judgeSockets(server, settings, context),
    ...judgeAdmission(server, settings, probes),
    ...judgeLimits(server, settings, probes),
  ];
}

/** Questions that leave from an anycast address have their answers go to whichever endpoint is nearest to who answers. */
function judgeSources(
  { file }: Server,
  { sources }: Settings,
  probes: readonly Probe[],
  { prefixes }: Pick<Context, "prefixes">,
): Finding[] {
  const anycast = new Set(prefixes.map((prefix) => prefix.slice(0, prefix.indexOf("/"))));
  const settings = new Set(
    sources.filter(({ address }) => anycast.has(canonical(address))).map(({ setting }) => setting),
  );
  const unicast = [...new Set(probes.map(({ source }) => source))].join(" or ") || "a unicast address of this host";
  return [...settings].map((setting) => ({
    id: "server-source-anycast",
    severity: "error",
    subject: file,
    message:
      `expected what the server sends of itself (queries, notifies, transfers) to leave from a unicast address, got ` +
      `\`${setting}\`: the answers go to whichever endpoint is nearest`,
    fix: `put ${unicast} in its place`,
  }));
}

function judgeSockets(
  { name, file, answers }: Server,
  { wildcardFault, closes, restartFault }: Settings,
  { services }: Pick<Context, "services">,
): Finding[] {
  const findings: Finding[] = [];
  const wild = answers.filter(({ asked, socket }) => canonical(socket.address) !== canonical(asked.address));
  if (wildcardFault !== undefined && wild.length > 0) {
    const addresses = [...new Set(wild.map(({ asked }) => asked.address))];
    findings.push({
      id: "server-reply-source",
      severity: "error",
      subject: file,
      message: `${wildcardFault}: what was asked at ${addresses.join(", ")} is answered from whatever address the route back has`,
      fix:
        name === "unbound"
          ? `interface-automatic: yes, or an interface: line for each of ${addresses.join(", ")}`
          : `ip-address: ${addresses.join(", ip-address: ")}`,
    });
  }
  const behind = services
    .filter(({ route }) => route.some((entry) => entry.driver === "address" && entry.recovery === "anchor"))
    .flatMap(({ prefixes }) => prefixes)
    .filter((prefix) => answers.some(({ asked }) => asked.prefix === prefix));
  if (closes !== undefined && behind.length > 0) {
    findings.push({ id: "server-closes-socket", severity: "error", subject: file, ...closes });
  }
  const six = behind.filter(
    (prefix) => familyOfPrefix(prefix) === 6 && !wild.some(({ asked }) => asked.prefix === prefix),
  );
  if (restartFault !== undefined && six.length > 0) {
    findings.push({
      id: "server-cannot-restart",
      severity: "warning",
      subject: file,
      message:
        `while ${six.join(", ")} is withdrawn, ${name} cannot start: behind an anchor nobody can bind an IPv6 address that ` +
        "is away",
      fix: `in ${file}: ${restartFault}`,
    });
  }
  return findings;
}

function judgeAdmission({ file }: Server, { refuses, admit }: Settings, probes: readonly Probe[]): Finding[] {
  const found = probes.flatMap(({ source, name }) => {
    const setting = refuses(source, name);
    return setting === undefined ? [] : [{ source, setting }];
  });
  const distinct = new Map(found.map((one) => [`${one.source} ${one.setting}`, one]));
  return [...distinct.values()].map(({ source, setting }) => ({
    id: "server-refuses-probe",
    severity: "error",
    subject: file,
    message: `expected the probes' source ${source} to be admitted, and it is refused by ${setting}`,
    fix: admit(source),
  }));
}

/** Probes of all addresses and checks count together: a limit is for a client, or for its network. */
function judgeLimits({ file }: Server, { limits }: Settings, probes: readonly Probe[]): Finding[] {
  const found = new Map<string, { limit: Limit; asked: number; source: string }>();
  for (const { source, name, perSecond, misses } of probes) {
    for (const limit of limits(source, name)) {
      if (limit.misses && !misses) continue;
      const key = `${source} ${limit.setting}`;
      found.set(key, { limit, source, asked: (found.get(key)?.asked ?? 0) + perSecond });
    }
  }
  return [...found.values()]
    .filter(({ limit, asked }) => asked > limit.perSecond)
    .map(({ limit, asked, source }) => ({
      id: "server-limits-probe",
      severity: "error",
      subject: file,
      message:
        `probes come from ${source} at up to ${asked} a second, and \`${limit.setting}\` answers ${limit.perSecond}: the others are ` +
        "dropped or truncated, and a server that is well looks dead",
      fix: limit.fix,
    }));
}

/** Servers spell addresses as they were written to them. */
function canonical(address: string): string {
  try {
    familyOf(address);
    return canonicalAddress(address);
  } catch {
    return address;
  }
}

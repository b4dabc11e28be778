// Examines the name servers that answer at the anycast addresses: whether their settings fit an anycast service and its probes.
import { familyOf } from "../probe/target.js";
import { addressOf } from "../route/prefix.js";
import { pickSource } from "../run/source.js";
import type { Finding } from "./finding.js";
import type { Context, Examination } from "./host.js";
import { readBind } from "./server-bind.js";
import { readKnot } from "./server-knot.js";
import { readNsd } from "./server-nsd.js";
import { type Server, type ServerKind, serversOf } from "./server-process.js";
import { judgeServer, type Probe } from "./server-rule.js";
import { type Settings, Unreadable } from "./server-settings.js";
import { readUnbound } from "./server-unbound.js";

const readers: Readonly<Record<ServerKind, (server: Server, context: Context) => Promise<Settings>>> = {
  named: readBind,
  unbound: readUnbound,
  nsd: readNsd,
  knotd: readKnot,
};

/** examineServers looks at BIND, unbound, NSD and Knot. */
export const examineServers: Examination = {
  name: "servers",
  async examine(context) {
    const found = await Promise.all(serversOf(context).map((server) => look(server, context)));
    return found.flat();
  },
};

async function look(server: Server, context: Context): Promise<readonly Finding[]> {
  try {
    return judgeServer(server, await readers[server.kind](server, context), probesAt(server, context), context);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return [
      {
        id: "server-settings-unread",
        severity: "warning",
        subject: server.file,
        message: error.message,
        fix: "run doctor as root, correct the file, or install the server's own tools",
      },
    ];
  }
}

/** What the config has asked of a server, and from where; without a config, one query of no particular name. */
function probesAt({ answers }: Server, context: Context): Probe[] {
  const { config, services, prefixes, addresses, links } = context;
  return answers.flatMap(({ asked }): Probe[] => {
    const family = familyOf(asked.address);
    let source: string;
    try {
      const choice = family === 4 ? config?.source.ipv4 : config?.source.ipv6;
      source = pickSource(family, choice ?? "auto", prefixes, addresses, links).address;
    } catch {
      // Another examination says that there is none.
      return [];
    }
    if (config === undefined) return [{ asked, source, name: undefined, perSecond: 0, misses: false }];
    return services
      .filter((service) => service.prefixes.some((prefix) => addressOf(prefix) === asked.address))
      .flatMap(({ checks }) => checks)
      .filter(({ port }) => port === asked.port)
      .flatMap(({ query, fastIntervalMs, confirm }) => {
        if (!("name" in query)) return [];
        const tcp = query.transport === "tcp";
        if (tcp !== (asked.transport === "tcp")) return [];
        const perSecond = Math.ceil(Math.max(1000 / fastIntervalMs, confirm.probes));
        return [
          { asked, source, name: query.name, perSecond: tcp ? 0 : perSecond, misses: query.randomLabel === true },
        ];
      });
  });
}

// Reads ospf6d of FRR through its vty socket: the router of the IPv6 prefixes.

import { Frr6LinkState } from "../route/frr6-link-state.js";
import type { Announcer } from "../route/link-state.js";
import type { Json } from "../route/lsdb.js";
import { readRouterId6 } from "../route/ospf6-area.js";
import { readOspf6Config } from "../route/ospf6-config.js";
import { readExternals6, readStubs } from "../route/ospf6-lsdb.js";
import { readNeighbors6 } from "../route/ospf6-neighbor.js";
import type { Prefix } from "../route/prefix.js";
import type { Finding } from "./finding.js";
import { askVty } from "./router-frr.js";
import { judgeRedistribution } from "./router-frr-rule.js";
import {
  type Dialect,
  ofFamily,
  type Router,
  type RouterReading,
  readAnnouncers,
  type Uplink,
} from "./router-reading.js";
import { unreachable } from "./router-rule.js";

const show = [
  "show running-config",
  "show ipv6 ospf6 json",
  "show ipv6 ospf6 interface json",
  "show ipv6 ospf6 neighbor detail json",
  "show ipv6 ospf6 database intra-prefix detail json",
  "show ipv6 ospf6 database as-external detail json",
];

const dialect: Dialect = {
  fastDead: (device) => `\`interface ${device}\`, \`ipv6 ospf6 hello-interval 1\`, \`ipv6 ospf6 dead-interval 4\``,
  noGracefulRestart: "`router ospf6`, `no graceful-restart`",
  noStubRouter: "`router ospf6`, `no stub-router administrative`",
  rfc1583: "",
  announce: () => "`interface lo`, `ipv6 ospf6 area 0`",
  showNeighbors: "vtysh -c 'show ipv6 ospf6 neighbor'",
};

/** readFrr6 reads one ospf6d; nothing where none is to be examined. Rejects where an answer cannot be read. */
export async function readFrr6(router: Router): Promise<readonly (RouterReading | Finding)[]> {
  const path = `${router.path}/ospf6d.vty`;
  const name = `ospf6d at ${path}`;
  const prefixes = ofFamily(router.prefixes, 6);
  if (prefixes.length === 0) return [];
  let texts: readonly string[];
  try {
    texts = await askVty(path, show);
  } catch (error) {
    return [unreachable(router, name, error as Error)];
  }
  const [running = "", ...answers] = texts;
  const config = readOspf6Config(running);
  // Without OSPFv3 it answers sentences.
  if (!config.routers.includes("router ospf6")) return [];
  const [ospf, interfaces, neighbors, intra, externals] = answers as [string, string, string, string, string];
  const instance = JSON.parse(ospf) as Json;
  const reading: RouterReading = {
    name,
    router,
    prefixes,
    own: ownAnnouncers(prefixes, readRouterId6(ospf), intra, externals),
    announcers: await readAnnouncers(new Frr6LinkState({ sockets: router.path }), prefixes),
    uplinks: uplinksIn(interfaces, running),
    neighbors: readNeighbors6(neighbors),
    border: Number(instance["numberOfAreaInRouter"]) > 1,
    // It has no such option.
    rfc1583: true,
    gracefulRestart: /^ graceful-restart( grace-period \d+)?$/m.test(running),
    stubRouter: instance["routerIsStubRouter"] === true,
    dialect,
  };
  return [reading, ...judgeRedistribution(name, config.redistributeConnected, "ipv6")];
}

function ownAnnouncers(prefixes: readonly Prefix[], routerId: string, intra: string, externals: string) {
  const stubs = readStubs(intra).filter((stub) => stub.routerId === routerId);
  const redistributed = readExternals6(externals);
  return new Map(
    prefixes.map((prefix): [Prefix, Announcer[]] => {
      const stub = stubs.find((one) => one.prefix === prefix);
      const external = redistributed.get(prefix)?.find((one) => one.routerId === routerId);
      return [
        prefix,
        [...(stub ? [{ routerId, kind: "stub", metric: stub.metric } as const] : []), ...(external ? [external] : [])],
      ];
    }),
  );
}

function uplinksIn(text: string, running: string): Uplink[] {
  const interfaces = JSON.parse(text) as Readonly<Record<string, Json>>;
  const passive = new Set(
    running
      .split(/^interface /m)
      .filter((section) => /^ ipv6 ospf6 passive$/m.test(section))
      .map((section) => section.split("\n", 1)[0]!),
  );
  return Object.entries(interfaces)
    .filter(([device, one]) => one["attachedToArea"] === true && one["type"] !== "LOOPBACK" && !passive.has(device))
    .map(([device, one]) => ({
      device,
      deadSeconds: Number(one["timerIntervalsConfigDead"]),
      bfd: one["peerBfdInfo"] !== undefined,
    }));
}

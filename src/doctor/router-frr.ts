// Reads ospfd of FRR or Quagga through its vty socket, as a router (router-reading.ts) and for what only FRR does (router-frr-rule.ts).
import { FrrLinkState } from "../route/frr-link-state.js";
import type { Announcer } from "../route/link-state.js";
import { type Json, readExternalLsas, readNeighbors, readRouterLsas } from "../route/lsdb.js";
import { readOspfConfig } from "../route/ospf-config.js";
import type { Prefix } from "../route/prefix.js";
import { Vty } from "../route/vty.js";
import type { Finding } from "./finding.js";
import type { FrrReading } from "./router-frr-rule.js";
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
  "show version",
  "show running-config",
  "show ip ospf json",
  "show ip ospf interface json",
  "show ip ospf neighbor json",
  "show ip ospf database router self-originate json",
  "show ip ospf database external self-originate json",
];

export const frrDialect: Dialect = {
  fastDead: (device) => `\`interface ${device}\`, \`ip ospf hello-interval 1\`, \`ip ospf dead-interval 4\``,
  noGracefulRestart: "`router ospf`, `no graceful-restart`",
  noStubRouter: "`router ospf`, `no max-metric router-lsa administrative`",
  rfc1583: "`router ospf`, `compatible rfc1583`",
  announce: (prefix) => `\`router ospf\`, \`network ${prefix} area 0\``,
  showNeighbors: "vtysh -c 'show ip ospf neighbor'",
};

/** readFrr reads one ospfd; undefined where none is to be examined. Rejects where an answer cannot be read. */
export async function readFrr(router: Router): Promise<FrrReading | Finding | undefined> {
  const path = `${router.path}/ospfd.vty`;
  const name = `ospfd at ${path}`;
  const prefixes = ofFamily(router.prefixes, 4);
  if (prefixes.length === 0) return undefined;
  let texts: readonly string[];
  try {
    texts = await askVty(path, show);
  } catch (error) {
    return unreachable(router, name, error as Error);
  }
  const [version = "", running = "", ...answers] = texts;
  const config = readOspfConfig(running);
  if (!config.routers.includes("router ospf") && !router.namedBy.has("driver")) return undefined;
  const common = { name, router, prefixes, config, version };
  // Without JSON, as in Quagga, and without `router ospf` an answer is a sentence, or nothing.
  if (!answers.every((answer) => answer.trimStart().startsWith("{"))) return { ...common, reading: undefined };
  const [ospf, interfaces, neighbors, own, externals] = answers as [string, string, string, string, string];
  const instance = JSON.parse(ospf) as Json;
  const areas = Object.values((instance["areas"] ?? {}) as Json) as Json[];
  const reading: RouterReading = {
    ...common,
    own: ownAnnouncers(prefixes, own, externals),
    announcers: await readAnnouncers(new FrrLinkState({ sockets: router.path }), prefixes),
    uplinks: uplinksIn(interfaces),
    neighbors: readNeighbors(neighbors),
    border: instance["abrType"] !== undefined,
    rfc1583: instance["rfc1583Compatibility"] === true,
    gracefulRestart: /^ graceful-restart( grace-period \d+)?$/m.test(running),
    stubRouter: areas.some((area) => area["originStubMaxDistRouterLsa"] === true),
    dialect: frrDialect,
  };
  return { ...common, reading };
}

/** askVty runs commands that only show, and gives their texts; a command that the daemon does not know gives "". */
export async function askVty(path: string, commands: readonly string[]): Promise<string[]> {
  const vty = new Vty({ path, onDown: () => {}, onUp: () => {} });
  try {
    await vty.open();
    return (await vty.run(commands)).map(({ status, text }) => (status === 0 ? text : ""));
  } finally {
    vty.close();
  }
}

function ownAnnouncers(prefixes: readonly Prefix[], own: string, externals: string) {
  const { stubs } = readRouterLsas(own);
  const redistributed = readExternalLsas(externals);
  return new Map(
    prefixes.map((prefix): [Prefix, Announcer[]] => {
      const metric = stubs.get(prefix);
      const external = redistributed.get(prefix);
      const stub = metric === undefined ? [] : [{ routerId: "", kind: "stub", metric } as const];
      return [prefix, [...stub, ...(external ? [{ routerId: "", kind: "external", ...external } as const] : [])]];
    }),
  );
}

function uplinksIn(text: string): Uplink[] {
  const interfaces = ((JSON.parse(text) as Json)["interfaces"] ?? {}) as Readonly<Record<string, Json>>;
  return Object.entries(interfaces)
    .filter(([, one]) => one["ospfEnabled"] === true && one["networkType"] !== "LOOPBACK" && !one["timerPassiveIface"])
    .map(([device, one]) => ({
      device,
      deadSeconds: Number(one["timerDeadSecs"]),
      bfd: one["peerBfdInfo"] !== undefined,
    }));
}

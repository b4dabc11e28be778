// Reads BIRD through its control socket, one OSPF protocol for each family, and from its configuration file what no command tells.
import { RouteError } from "../errors.js";
import { askBird } from "../route/bird-control.js";
import { BirdLinkState } from "../route/bird-link-state.js";
import { type OspfProtocol, readBirdState, readOspfProtocols } from "../route/bird-state.js";
import type { Finding } from "./finding.js";
import type { Context } from "./host.js";
import { birdConfigText, hasGracefulRestart } from "./router-bird-config.js";
import {
  type Dialect,
  ofFamily,
  type Router,
  type RouterReading,
  readAnnouncers,
  type Uplink,
} from "./router-reading.js";
import { unreachable } from "./router-rule.js";

const timeoutMs = 2000;

const dialect: Dialect = {
  fastDead: (device) => `\`interface "${device}" { hello 1; dead 4; };\``,
  noGracefulRestart: "in `protocol ospf`: `graceful restart aware;`",
  noStubRouter: "in `protocol ospf`: `stub router no;`",
  rfc1583: "in `protocol ospf`: `rfc1583compat yes;`",
  announce: (prefix) =>
    `in \`area 0\`: \`interface "lo" { stub yes; };\`, or let \`export\` of the protocol pass ${prefix}`,
  showNeighbors: "birdc show ospf neighbors",
};

/** readBird reads the OSPF protocols that carry the prefixes. Rejects where an answer cannot be read. */
export async function readBird(router: Router, context: Context): Promise<readonly (RouterReading | Finding)[]> {
  const name = `BIRD at ${router.path}`;
  try {
    const [listed = ""] = await askBird(router.path, ["show protocols all"], timeoutMs);
    const { file, fault } = await check(router.path);
    const config = file === undefined ? "" : birdConfigText(file, context);
    const readings = await Promise.all(
      readOspfProtocols(listed)
        .filter(({ family }) => ofFamily(router.prefixes, family).length > 0)
        .map((protocol) => readProtocol(router, name, protocol, config)),
    );
    return fault === undefined ? readings : [...readings, broken(file ?? name, fault)];
  } catch (error) {
    if (error instanceof RouteError) return [unreachable(router, name, error)];
    throw error;
  }
}

/** BIRD itself tells where its configuration is, and whether it could be read again. Nothing is changed by that. */
async function check(socket: string): Promise<{ file: string | undefined; fault: string | undefined }> {
  const { said, fault } = await askBird(socket, ["configure check"], timeoutMs).then(
    ([said = ""]) => ({ said, fault: undefined }),
    (error: unknown) => {
      if (!(error instanceof RouteError) || error.code !== "ERR_ROUTE_REFUSED") throw error;
      return { said: error.message, fault: error.message.replace(/^.*?Reading configuration from \S+\s*/s, "") };
    },
  );
  return { file: /Reading configuration from (\S+?);?(?:\s|$)/.exec(said)?.[1], fault };
}

function broken(file: string, fault: string): Finding {
  return {
    id: "router-config-broken",
    severity: "error",
    subject: file,
    message: `expected a configuration with which BIRD can start again: ${fault}`,
    fix: "correct it, and see: birdc configure check",
  };
}

async function readProtocol(
  router: Router,
  name: string,
  { name: protocol, family }: OspfProtocol,
  config: string,
): Promise<RouterReading> {
  const show = ["", "interface", "neighbors", "state all"].map((what) => `show ospf ${what} ${protocol}`);
  const [ospf = "", interfaces = "", neighbors = "", state = ""] = await askBird(router.path, show, timeoutMs);
  const prefixes = ofFamily(router.prefixes, family);
  // Without its own router-LSA it has only just begun, and announces nothing.
  const database = state.includes("\t\tdistance 0\n") ? readBirdState(state) : undefined;
  const own = prefixes.map((prefix) => {
    const all = database?.announcers.get(prefix) ?? [];
    return [prefix, all.filter(({ routerId }) => routerId === database?.routerId)] as const;
  });
  return {
    name: `${name}, protocol ${protocol}`,
    router,
    prefixes,
    own: new Map(own),
    announcers: await readAnnouncers(new BirdLinkState({ socket: router.path }), prefixes),
    uplinks: uplinksIn(interfaces),
    neighbors: neighborsIn(neighbors),
    border: Number(/^Number of areas: (\d+)/m.exec(ospf)?.[1] ?? 1) > 1,
    rfc1583: /^RFC1583 compatibility: enabled/m.test(ospf),
    gracefulRestart: hasGracefulRestart(config, protocol),
    stubRouter: /^Stub router: Yes/m.test(ospf),
    dialect,
  };
}

/** An interface begins with `Interface up0 (198.18.9.0/24)`, and has one line for each member. */
function uplinksIn(text: string): Uplink[] {
  return text
    .split(/^Interface /m)
    .slice(1)
    .filter((one) => !/^\tState: .*\(stub\)/m.test(one))
    .map((one) => ({
      device: one.split(" ", 1)[0]!,
      deadSeconds: Number(/^\tDead timer: (\d+)/m.exec(one)?.[1] ?? 0),
      bfd: false,
    }));
}

/** `2.2.2.2  1  Full/PtP  3.957  up0  198.18.9.2` below two lines of heads. */
function neighborsIn(text: string): RouterReading["neighbors"] {
  return [...text.matchAll(/^(\d+\.\d+\.\d+\.\d+)\s+\d+\s+(\w+)/gm)].map(([, id = "", state]) => ({
    id,
    full: state === "Full",
  }));
}

// Examines the routers of this host: those that the config names, or those at the usual places.
import type { Prefix } from "../route/prefix.js";
import type { Finding } from "./finding.js";
import type { Context, Examination } from "./host.js";
import { readBird } from "./router-bird.js";
import { askDrivers } from "./router-driver.js";
import { readFrr } from "./router-frr.js";
import { type FrrReading, judgeFrr } from "./router-frr-rule.js";
import { readFrr6 } from "./router-frr6.js";
import { type Router, type RouterReading, routersOf } from "./router-reading.js";
import { judgeRouter, judgeSilence } from "./router-rule.js";

/** examineRouters looks at FRR, Quagga and BIRD. */
export const examineRouters: Examination = {
  name: "routers",
  async examine(context) {
    const { state, config } = context;
    const seen = (await Promise.all(routersOf(context).map((router) => look(router, context)))).flat();
    const findings = seen.filter((one): one is Finding => "id" in one);
    const frrs = seen.filter((one): one is FrrReading => "version" in one);
    const readings = seen.flatMap((one) => ("id" in one ? [] : "version" in one ? (one.reading ?? []) : one));
    const away = new Set([...state.changes, ...state.manual].map(({ prefix }) => prefix));
    const common = [
      ...readings.flatMap((reading) => judgeRouter(reading)),
      ...judgeSilence(readings, present(context), away),
    ];
    const reached = new Set([...frrs, ...readings].map(({ router }) => router.path));
    const explained = new Set(common.map(({ subject }) => subject));
    const refusals = await askDrivers(context, reached, explained);
    return [...findings, ...common, ...frrs.flatMap((frr) => judgeFrr(frr, config)), ...refusals];
  },
};

async function look(router: Router, context: Context): Promise<readonly (Finding | FrrReading | RouterReading)[]> {
  if (router.kind === "bird") return readBird(router, context);
  const [four, six] = await Promise.all([readFrr(router), readFrr6(router)]);
  return [...(four === undefined ? [] : [four]), ...six];
}

/** An address that is missing is announced by nobody, and named by another examination. */
function present({ prefixes, addresses }: Context): Prefix[] {
  const here = new Set(addresses.map(({ address }) => address));
  return prefixes.filter((prefix) => here.has(prefix.slice(0, prefix.indexOf("/"))));
}

// What the drivers that move prefixes by a router say of it: they know best what they cannot do, and why.
import { BirdDriver } from "../route/bird.js";
import type { Driver } from "../route/driver.js";
import { FrrDriver } from "../route/frr.js";
import { familyOfPrefix, type Prefix } from "../route/prefix.js";
import type { RouteConfig } from "../run/config.js";
import { proveRoute } from "../run/selftest-route.js";
import type { State } from "../run/state.js";
import type { Finding } from "./finding.js";
import type { Context } from "./host.js";

type Entry = Extract<RouteConfig, { driver: "frr" | "bird" }>;

/** askDrivers asks those whose router answers, by its path. Of `explained` prefixes something graver was said already. */
export async function askDrivers(
  { services, state }: Context,
  reached: ReadonlySet<string>,
  explained: ReadonlySet<string>,
): Promise<Finding[]> {
  const entries = new Map<string, { entry: Entry; prefixes: Set<Prefix> }>();
  for (const { route, prefixes } of services) {
    for (const entry of route) {
      if (entry.driver !== "frr" && entry.driver !== "bird") continue;
      if (!reached.has(entry.driver === "frr" ? entry.sockets : entry.socket)) continue;
      const key = JSON.stringify(entry);
      const before = entries.get(key) ?? { entry, prefixes: new Set<Prefix>() };
      for (const prefix of prefixes) before.prefixes.add(prefix);
      entries.set(key, before);
    }
  }
  const found = await Promise.all(
    [...entries.values()].map(({ entry, prefixes }) =>
      askDriver(
        entry,
        [...prefixes].filter((prefix) => !explained.has(prefix)),
        state,
      ),
    ),
  );
  return found.flat();
}

async function askDriver(entry: Entry, prefixes: readonly Prefix[], state: State): Promise<readonly Finding[]> {
  const proofs = await proveRoute(entry, prefixes, () => ({ services: [], reason: "", evidence: [] }));
  const refusals = proofs.filter((proof) => proof.state === "failed");
  const refused = new Set(refusals.map(({ subject }) => subject));
  const left = prefixes.filter((prefix) => !refused.has(prefix));
  return [
    ...refusals.map(({ subject, got, advice }) => {
      const [message, fix] = apart(got, entry.driver);
      return { id: "driver-refuses", severity: "error", subject, message, fix: advice ?? fix } as const;
    }),
    ...(entry.driver === "bird"
      ? await missingRungs(new BirdDriver(entry), left, state, entry.driver, "note")
      : await missingRungs(new FrrDriver(entry), fours(left), state, entry.driver, "warning")),
  ];
}

/** ospf6d lacks the rungs of most prefixes by its nature: nothing that could be mended. */
function fours(prefixes: readonly Prefix[]): Prefix[] {
  return prefixes.filter((prefix) => familyOfPrefix(prefix) === 4);
}

/** The driver knows what the daemon knows: what is away for a good reason has no missing rung. */
async function missingRungs(
  driver: Driver,
  prefixes: readonly Prefix[],
  { changes, ways }: State,
  name: Entry["driver"],
  severity: "warning" | "note",
): Promise<Finding[]> {
  try {
    await driver.open(changes, () => {}, ways);
    const observed = await driver.observe(prefixes);
    return [...observed].flatMap(([prefix, { announcement, noRung }]) => {
      // What is not announced cannot be depreferred either; that is said of it already.
      if (noRung === undefined || announcement === "withdrawn") return [];
      const [message, fix] = apart(noRung, name);
      const id = "no-rung";
      return [{ id, severity, subject: prefix, message: `it can be withdrawn and not depreferred: ${message}`, fix }];
    });
  } finally {
    await driver.close();
  }
}

/** A driver's sentence says what is wrong, a colon, and what to do. */
function apart(sentence: string, driver: Entry["driver"]): [message: string, fix: string] {
  const at = sentence.lastIndexOf(": ");
  return at < 0 ? [sentence, `see docs/routers/${driver}.md`] : [sentence.slice(0, at), sentence.slice(at + 2)];
}

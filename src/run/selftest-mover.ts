// The selftest's look at the drivers that move prefixes by programs: ifupdown and exec. No prefix is moved.
import { accessSync, constants } from "node:fs";
import type { NetlinkEvents } from "../engine/netlink-watch.js";
import type { Observation } from "../route/driver.js";
import { ExecDriver } from "../route/exec.js";
import { IfupdownDriver } from "../route/ifupdown.js";
import { readStanza } from "../route/ifupdown-stanza.js";
import type { Prefix } from "../route/prefix.js";
import { programEnvironment } from "../route/program.js";
import type { RouteConfig } from "./config.js";
import type { Explain } from "./routing.js";
import { type Claim, doubtful, failed, type Proof, proven } from "./selftest-proof.js";

type Claimed = (prefix: Prefix, driver: string) => Claim;

/** No event is awaited here: each look lists anew. */
const noEvents: NetlinkEvents = { subscribe: () => () => {}, poll: () => {} };

/** proveIfupdown compares the stanzas of the interface with the prefixes that it is to move, and with the kernel. */
export async function proveIfupdown(
  entry: Extract<RouteConfig, { driver: "ifupdown" }>,
  prefixes: readonly Prefix[],
  claimOf: Claimed,
): Promise<Proof[]> {
  const { interface: name, timeoutMs } = entry;
  const stanza = await readStanza(name, programEnvironment({}), timeoutMs);
  const observed = await new IfupdownDriver({ ...entry, prefixes }, noEvents).observe(prefixes);
  return prefixes.map((prefix) => {
    const claim = claimOf(prefix, "ifupdown");
    const expected = `${prefix} in the stanzas of ${name}, and nothing that is not to move along`;
    if (typeof stanza === "string")
      return failed(claim, stanza, expected, "see whether ifupdown is installed and in charge");
    const has = stanza.length === 0 ? "no address" : stanza.join(", ");
    if (!stanza.includes(prefix))
      return failed(claim, `${name} has ${has}`, expected, "correct `interface`, or its stanza");
    const along = stanza.filter((one) => !prefixes.some((moved) => moved === one));
    const advice = "give it an interface name of its own in /etc/network/interfaces";
    if (along.length > 0) return failed(claim, `${name} has ${along.join(", ")} too`, expected, advice);
    return proofOf(claim, observed.get(prefix)!, expected, `withdrawing runs \`ifdown ${name}\``);
  });
}

/** proveExec sees whether the programs can be run, and asks the one that tells how a prefix stands. */
export async function proveExec(
  { observe, ...entry }: Extract<RouteConfig, { driver: "exec" }>,
  prefixes: readonly Prefix[],
  explain: Explain,
  claimOf: Claimed,
): Promise<Proof[]> {
  const driver = new ExecDriver({ ...entry, ...(observe && { observe }), explain });
  const observed = await driver.observe(prefixes);
  const missing = [entry.command, ...(observe ? [observe] : [])]
    .map(([file = ""]) => file)
    .find((file) => !mayRun(file));
  return prefixes.map((prefix) => {
    const claim = claimOf(prefix, "exec");
    const expected = "programs that can be run, and tell how the prefix stands";
    if (missing !== undefined)
      return failed(claim, `${missing} cannot be run`, expected, `chmod +x ${missing}, or correct its path`);
    const advice = "give it a program `observe`, so that nothing has to be believed";
    if (!observe) return doubtful(claim, "it can be run, but not read: there is no `observe`", expected, advice);
    return proofOf(claim, observed.get(prefix)!, expected, `withdrawing runs \`${entry.command.join(" ")}\``);
  });
}

function proofOf(claim: Claim, { announcement, reason }: Observation, expected: string, action: string): Proof {
  if (announcement === "unknown") return failed(claim, reason ?? "nothing is known of it", expected, null);
  const got = `${announcement}${reason === undefined ? "" : ` (${reason})`}; ${action}`;
  return announcement === "announced" ? proven(claim, got) : doubtful(claim, got, expected, null);
}

function mayRun(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

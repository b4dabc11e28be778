// The witness: what the daemon says of both prefixes, all the while, against R1's kernel table. Whatever it calls verified has to be
// so there, but for the time that it takes to be noticed.
import { setTimeout as sleep } from "node:timers/promises";
import type { Prefix } from "../../src/route/prefix.js";
import { addressOf } from "../../src/route/prefix.js";
import { fetchStatus } from "../../src/run/control.js";
import { monotonicNs, nsPerMs } from "../../src/units.js";
import { prefixIn } from "../support/daemon.js";
import { heldBy } from "./drivers-lsa.js";
import { beside, mortal, type Site } from "./faults-site.js";
import { round } from "./figures.js";

const sampleMs = 25;
/** Readings are renewed once a second; a change takes tens of milliseconds to R1's table, more on a busy machine. */
const noticedWithinMs = 1500;
const endpointId = "198.18.255.11";

interface Sample {
  readonly atNs: number;
  /** Whether it was said to be announced or withdrawn, verified; nothing where neither was. */
  readonly claims: ReadonlyMap<Prefix, boolean>;
}

/** Testimony is what was seen of it all. */
export interface Testimony {
  /** How long, at the longest, something called verified was not so at R1; ms. */
  readonly contraryMs: number;
  readonly faults: readonly string[];
}

/** witness begins to watch a site; what it gives ends that. `routerGoes`: R1 loses all of the endpoint for a while. */
export async function witness(site: Site) {
  const { monitor, network } = site;
  const prefixes = [mortal, beside] as const;
  const startNs = monotonicNs();
  const before = await heldBy(network.r1, endpointId, beside);
  const routed = new Map<Prefix, boolean>();
  for (const prefix of prefixes) routed.set(prefix, site.isRoutedIn(await network.nextHops(prefix)));
  const lines = site.daemon.lines.length;
  const first = site.daemon;
  const samples: Sample[] = [];
  let watching = true;
  const watch = (async () => {
    while (watching) {
      samples.push({ claims: await claimsOf(site), atNs: monotonicNs() });
      await sleep(sampleMs);
    }
  })();

  return async (routerGoes: boolean): Promise<Testimony> => {
    watching = false;
    await watch;
    const faults: string[] = [];
    let contraryMs = 0;
    for (const prefix of prefixes) {
      const events = monitor.events
        .filter(({ destination, atNs }) => destination === addressOf(prefix) && atNs > startNs)
        .map(({ atNs, nextHops }) => ({ atNs, routed: site.isRoutedIn(nextHops) }));
      const table = [{ atNs: startNs, routed: routed.get(prefix)! }, ...events];
      const longestMs = longestContraryMs(samples, prefix, table);
      contraryMs = Math.max(contraryMs, longestMs);
      if (longestMs > noticedWithinMs)
        faults.push(`what was said of ${prefix} to be verified was not so at R1 for ${Math.round(longestMs)} ms`);
      if (prefix === beside && !routerGoes && events.some((event) => !event.routed))
        faults.push(`${beside}, which was to stay, left R1's table`);
    }
    const after = await heldBy(network.r1, endpointId, beside);
    const own = before?.lsa === "AS-external-LSA" && !routerGoes;
    if (!after || (own && after.sequence !== before.sequence))
      faults.push(
        `the LSA of ${beside}, which was to stay, was ${JSON.stringify(before)}, is ${JSON.stringify(after)}`,
      );
    // A daemon that was started meanwhile has all of its lines here.
    const acted = site.daemon.lines
      .slice(site.daemon === first ? lines : 0)
      .find((line) => line.event === "action" && JSON.stringify(line["prefixes"] ?? line["prefix"]).includes(beside));
    if (acted && !routerGoes) faults.push(`${beside}, which was to stay, was acted on: ${acted.msg}`);
    return { contraryMs, faults };
  };
}

/** claimsOf asks the daemon; a daemon that is away claims nothing. */
async function claimsOf({ control }: Site): Promise<ReadonlyMap<Prefix, boolean>> {
  const claims = new Map<Prefix, boolean>();
  try {
    const status = await fetchStatus(control);
    for (const prefix of [mortal, beside]) {
      const { observed, verified } = prefixIn(status, prefix);
      if (verified && observed !== "unknown") claims.set(prefix, observed !== "withdrawn");
    }
  } catch {
    // It is being killed, or started.
  }
  return claims;
}

/** Without a break, from one sample to the next that say the same. `table` has R1's from when on. */
function longestContraryMs(
  samples: readonly Sample[],
  prefix: Prefix,
  table: readonly { readonly atNs: number; readonly routed: boolean }[],
): number {
  let longest = 0;
  let sinceNs: number | undefined;
  for (const [index, { atNs, claims }] of samples.entries()) {
    const claim = claims.get(prefix);
    const previous = samples[index - 1];
    if (claim === undefined || previous?.claims.get(prefix) !== claim) {
      sinceNs = claim === undefined ? undefined : atNs;
      continue;
    }
    // The last change of R1's table before now: it may have been right in between.
    const at = table.findLast((entry) => entry.atNs <= atNs);
    if (at === undefined || at.routed === claim) sinceNs = undefined;
    else {
      const fromNs = Math.max(sinceNs ?? previous.atNs, at.atNs);
      sinceNs = fromNs;
      longest = Math.max(longest, (atNs - fromNs) / nsPerMs);
    }
  }
  return longest;
}

/** seenAgainMs tells how long R1 routed by the endpoint to what is withdrawn, in all, ms. */
export function seenAgainMs(site: Site, sinceNs: number): number {
  let seenNs = 0;
  let fromNs: number | undefined;
  for (const { destination, atNs, nextHops } of site.monitor.events) {
    if (destination !== addressOf(mortal) || atNs < sinceNs) continue;
    const routed = site.isRoutedIn(nextHops);
    if (routed) fromNs ??= atNs;
    else if (fromNs !== undefined) {
      seenNs += atNs - fromNs;
      fromNs = undefined;
    }
  }
  return round(seenNs / nsPerMs);
}

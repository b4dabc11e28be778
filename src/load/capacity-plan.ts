// Capacity planning: whether endpoints with measured capacities hold the expected peak when any k of them are withdrawn. Where the
// traffic of a withdrawn anycast endpoint goes is the routers' choice, which nobody can tell from here, so two answers are given:
// it spreads evenly over all that are left, and (the worst) all of it lands on one of them.

/** Endpoint is one place that can be announced or withdrawn. */
export interface Endpoint {
  readonly name: string;
  /** What it holds, queries/s. */
  readonly capacityQps: number;
  /** The generator was the limit: it holds this or more. */
  readonly atLeast: boolean;
  /** Its share of the peak, 0-1; undefined: an even part of what the others leave. */
  readonly share: number | undefined;
}

/** Split is where the traffic of withdrawn endpoints goes. */
export type Split = "even" | "one";

/** Withdrawal is the worst that can happen with so many endpoints withdrawn. */
export interface Withdrawal {
  readonly split: Split;
  readonly withdrawn: number;
  /** The withdrawal that leaves the least headroom, by name. */
  readonly worst: readonly string[];
  /** The endpoint that is then fullest, its load in queries/s, and the share of its capacity that is left; negative: overloaded. */
  readonly fullest: string;
  readonly loadQps: number;
  readonly headroom: number;
  /** The greatest peak that would still hold, whichever so many are withdrawn, queries/s. */
  readonly holdsQps: number;
  readonly survives: boolean;
  /** How many withdrawals of so many endpoints overload another, of how many there are; null: too many to try. */
  readonly overloading: {
    readonly count: number;
    readonly of: number;
    readonly examples: readonly (readonly string[])[];
  } | null;
}

/** CapacityPlan is the answer. */
export interface CapacityPlan {
  readonly peakQps: number;
  readonly endpoints: readonly (Endpoint & { readonly loadQps: number; readonly headroom: number })[];
  /** For each split, for each k of 0 to `survive`. */
  readonly withdrawals: readonly Withdrawal[];
  /**
   * How many endpoints like the smallest, sharing the peak evenly, would survive; for `one`, all traffic of the withdrawn landing
   * on one other.
   */
  readonly needed: Readonly<Record<Split, number>>;
  /** Whether all splits of this kind survive up to `survive`. */
  readonly survives: Readonly<Record<Split, boolean>>;
}

/** Up to so many withdrawals are tried one by one, to name those that overload; the worst is found without. */
const mostTried = 20_000;
const mostExamples = 10;

/** planCapacity works it out. Throws RangeError where shares or `survive` make no sense. */
export function planCapacity(endpoints: readonly Endpoint[], peakQps: number, survive: number): CapacityPlan {
  if (endpoints.length === 0) throw new RangeError("expected one endpoint or more, got none");
  if (!(Number.isInteger(survive) && survive >= 0 && survive < endpoints.length))
    throw new RangeError(
      `expected to survive 0-${endpoints.length - 1} of ${endpoints.length} endpoints, got ${survive}`,
    );
  const loads = loadsOf(endpoints, peakQps);
  const sites = endpoints.map((endpoint, i) => ({
    ...endpoint,
    loadQps: loads[i]!,
    headroom: 1 - loads[i]! / endpoint.capacityQps,
  }));
  const splits: readonly Split[] = ["even", "one"];
  const withdrawals = splits.flatMap((split) =>
    Array.from({ length: survive + 1 }, (_, withdrawn) => withdrawalOf(sites, withdrawn, split, peakQps)),
  );
  const smallest = Math.min(...endpoints.map(({ capacityQps }) => capacityQps));
  const all = (split: Split) => withdrawals.every((withdrawal) => withdrawal.split !== split || withdrawal.survives);
  return {
    peakQps,
    endpoints: sites,
    withdrawals,
    // Each of N has peak/N; with k gone the rest share the peak, or one has its own part and k more.
    needed: {
      even: atLeast(peakQps / smallest) + survive,
      one: Math.max(survive + 1, atLeast(((survive + 1) * peakQps) / smallest)),
    },
    survives: { even: all("even"), one: all("one") },
  };
}

type Site = CapacityPlan["endpoints"][number];

/** A ratio that is whole but for a float's rounding is not rounded up. */
function atLeast(ratio: number): number {
  return Math.ceil(ratio - 1e-9);
}

function loadsOf(endpoints: readonly Endpoint[], peakQps: number): number[] {
  const given = endpoints.reduce((sum, { share }) => sum + (share ?? 0), 0);
  const open = endpoints.filter(({ share }) => share === undefined).length;
  if (given > 1 + 1e-9 || (open === 0 && given < 1 - 1e-3))
    throw new RangeError(`expected shares of 100% in sum, got ${(given * 100).toFixed(1)}%`);
  return endpoints.map(({ share }) => peakQps * (share ?? Math.max(0, 1 - given) / open));
}

/**
 * withdrawalOf finds the worst withdrawal of k without trying all: whichever endpoint is to be the fullest, it gets most when the k
 * greatest loads among the others are what is withdrawn.
 */
function withdrawalOf(sites: readonly Site[], k: number, split: Split, peakQps: number): Withdrawal {
  const byLoad = [...sites].sort((a, b) => b.loadQps - a.loadQps);
  let worst: { site: Site; gone: readonly Site[]; load: number } | undefined;
  for (const site of sites) {
    const gone = byLoad.filter((other) => other !== site).slice(0, k);
    const load = loadWithout(site, gone, sites.length, split);
    if (!worst || load / site.capacityQps > worst.load / worst.site.capacityQps) worst = { site, gone, load };
  }
  const { site, gone, load } = worst!;
  const used = load / site.capacityQps;
  return {
    split,
    withdrawn: k,
    worst: gone.map(({ name }) => name),
    fullest: site.name,
    loadQps: load,
    headroom: 1 - used,
    holdsQps: peakQps / used,
    survives: isHeld(used),
    overloading: overloadingOf(sites, k, split),
  };
}

/** What a site gets when others are gone. */
function loadWithout(site: Site, gone: readonly Site[], sites: number, split: Split): number {
  const moved = gone.reduce((sum, { loadQps }) => sum + loadQps, 0);
  return site.loadQps + (split === "one" ? moved : moved / (sites - gone.length));
}

/** Full to the last query still holds; a float's rounding is no overload. */
function isHeld(used: number): boolean {
  return used <= 1 + 1e-9;
}

function overloadingOf(sites: readonly Site[], k: number, split: Split): Withdrawal["overloading"] {
  const of = combinations(sites.length, k);
  if (of > mostTried) return null;
  let count = 0;
  const examples: string[][] = [];
  for (const gone of choose(sites, k)) {
    const left = sites.filter((site) => !gone.includes(site));
    if (left.every((site) => isHeld(loadWithout(site, gone, sites.length, split) / site.capacityQps))) continue;
    count++;
    if (examples.length < mostExamples) examples.push(gone.map(({ name }) => name));
  }
  return { count, of, examples };
}

function combinations(n: number, k: number): number {
  let product = 1;
  for (let i = 1; i <= k; i++) product = (product * (n - k + i)) / i;
  return Math.round(product);
}

/** choose gives every way to take k of a list, in its order. */
function* choose<T>(list: readonly T[], k: number, from = 0): Generator<T[]> {
  if (k === 0) {
    yield [];
    return;
  }
  for (let i = from; i <= list.length - k; i++)
    for (const rest of choose(list, k - 1, i + 1)) yield [list[i]!, ...rest];
}

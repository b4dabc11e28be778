import fc from "fast-check";
import { expect, test } from "vitest";
import { type AreaGraph, reachableFrom } from "../../src/route/reachability.js";

const ids = ["a", "b", "c", "d", "e", "f", "g"];
const networkIds = ["n1", "n2", "n3"];

/** Any LSAs at all: of routers that are gone, links that one end has, networks that list strangers. */
const graphs: fc.Arbitrary<AreaGraph> = fc
  .record({
    routers: fc.array(
      fc.tuple(fc.constantFrom(...ids), fc.record({ routers: fc.subarray(ids), networks: fc.subarray(networkIds) })),
      { maxLength: ids.length },
    ),
    networks: fc.array(fc.tuple(fc.constantFrom(...networkIds), fc.subarray(ids)), { maxLength: networkIds.length }),
  })
  .map(({ routers, networks }) => ({ routers: new Map(routers), networks: new Map(networks) }));

/** By trying all paths that meet no router twice. */
function bruteForce(start: string, { routers, networks }: AreaGraph): Set<string> {
  const found = new Set<string>();
  const share = (a: string, b: string) =>
    [...networks].some(
      ([network, attached]) =>
        [a, b].every((id) => attached.includes(id)) &&
        [a, b].every((id) => routers.get(id)!.networks.includes(network)),
    );
  const linked = (a: string, b: string) =>
    (routers.get(a)!.routers.includes(b) && routers.get(b)!.routers.includes(a)) || share(a, b);
  const walk = (path: readonly string[]) => {
    const last = path.at(-1)!;
    found.add(last);
    for (const next of routers.keys()) if (!path.includes(next) && linked(last, next)) walk([...path, next]);
  };
  if (routers.has(start)) walk([start]);
  return found;
}

test("the walk meets whom a search of all paths meets", () => {
  fc.assert(
    fc.property(graphs, (graph) => {
      expect(new Set(reachableFrom("a", graph))).toEqual(bruteForce("a", graph));
    }),
    { numRuns: 500 },
  );
});

const router = (routers: readonly string[], networks: readonly string[] = []) => ({ routers, networks });

test("a link that only one end has leads nowhere, in neither direction", () => {
  const routers = new Map([
    ["r1", router(["e1", "e2"])],
    ["e1", router(["r1"])],
    ["e2", router([])],
    ["e3", router(["r1"])],
  ]);
  expect([...reachableFrom("e1", { routers, networks: new Map() })]).toEqual(["e1", "r1"]);
});

test("a network leads to those that it lists and that link to it", () => {
  const routers = new Map([
    ["r1", router([], ["198.18.1.1"])],
    ["e1", router([], ["198.18.1.1"])],
    ["gone", router([], ["198.18.1.1"])],
    ["moved", router([], ["198.18.9.1"])],
  ]);
  const networks = new Map([["198.18.1.1", ["r1", "e1", "moved"]]]);
  expect([...reachableFrom("e1", { routers, networks })]).toEqual(["e1", "r1"]);
});

test("who has no LSA of its own reaches nobody", () => {
  expect(reachableFrom("e1", { routers: new Map(), networks: new Map() }).size).toBe(0);
});

import { beforeEach, describe, expect, test } from "vitest";
import type { LocalRoute } from "../../src/engine/netlink.js";
import type { RouteEvent } from "../../src/engine/netlink-watch.js";
import { Locality } from "../../src/run/locality.js";
import { inNamespace } from "../support/namespace.js";

const loopback = { family: 4, address: "127.0.0.0", prefixLength: 8, metric: 0, ifindex: 1, anchor: false } as const;
const address = { family: 4, address: "203.0.113.53", prefixLength: 32, metric: 0, ifindex: 1 } as const;
const anchor = { ...address, metric: 1024 };
const six = { family: 6, address: "2001:db8::53", prefixLength: 128, metric: 0, ifindex: 2 } as const;
const added = (route: Omit<RouteEvent, "kind">): RouteEvent => ({ kind: "route-added", ...route });
const removed = (route: Omit<RouteEvent, "kind">): RouteEvent => ({ kind: "route-removed", ...route });

let nowNs: number;
let routes: Omit<LocalRoute, "anchor">[];
let locality: Locality;

beforeEach(() => {
  nowNs = 100;
  routes = [loopback, address];
  locality = new Locality(
    () => routes,
    () => nowNs,
  );
  nowNs = 200;
});

test("what is local at the start is so since then", () => {
  expect(locality.localSinceNs("203.0.113.53")).toBe(100);
  expect(locality.isLocal("203.0.113.54")).toBe(false);
});

test("a wide local prefix covers its addresses and no others", () => {
  expect(locality.localSinceNs("127.255.0.1")).toBe(100);
  expect(locality.isLocal("128.0.0.1")).toBe(false);
  locality.handle([added({ ...address, address: "198.18.0.0", prefixLength: 15 })]);
  expect(locality.isLocal("198.19.255.255")).toBe(true);
  expect(locality.isLocal("198.20.0.0")).toBe(false);
});

test("an address that leaves is not local, and one that comes back has a new time", () => {
  locality.handle([removed(address)]);
  expect(locality.isLocal("203.0.113.53")).toBe(false);
  expect(locality.localSinceNs("203.0.113.53")).toBeUndefined();
  locality.handle([added(address)]);
  expect(locality.localSinceNs("203.0.113.53")).toBe(200);
});

test("an address that left and came back within one batch has a new time", () => {
  locality.handle([removed(address), added(address)]);
  expect(locality.localSinceNs("203.0.113.53")).toBe(200);
});

test("an anchor keeps an address local without a gap while the address itself goes and comes", () => {
  locality.handle([added(anchor)]);
  locality.handle([removed(address)]);
  expect(locality.localSinceNs("203.0.113.53")).toBe(100);
  nowNs = 300;
  locality.handle([added(address), removed(anchor)]);
  expect(locality.localSinceNs("203.0.113.53")).toBe(100);
  locality.handle([removed(address)]);
  expect(locality.isLocal("203.0.113.53")).toBe(false);
});

test("IPv6 addresses are known in any spelling", () => {
  locality.handle([added(six)]);
  expect(locality.localSinceNs("2001:DB8:0::53")).toBe(200);
});

describe("what cannot be followed is read again", () => {
  test("after an overrun all has a new time, as it may have been gone", () => {
    routes = [address, six];
    locality.handle([{ kind: "overrun" }, removed(address)]);
    expect(locality.localSinceNs("203.0.113.53")).toBe(200);
    expect(locality.localSinceNs("2001:db8::53")).toBe(200);
    expect(locality.isLocal("127.0.0.1")).toBe(false);
  });

  test("after a device went down only its own routes have a new time", () => {
    routes = [loopback, address, six];
    locality.handle([added(six)]);
    nowNs = 300;
    locality.handle([{ kind: "link", ifindex: 2, name: "eth0", up: false }]);
    expect(locality.localSinceNs("203.0.113.53")).toBe(100);
    expect(locality.localSinceNs("2001:db8::53")).toBe(300);
  });

  test("a device coming up changes nothing by itself", () => {
    routes = [];
    locality.handle([{ kind: "link", ifindex: 1, name: "lo", up: true }]);
    expect(locality.localSinceNs("203.0.113.53")).toBe(100);
  });
});

test("follows the real kernel through addresses, anchors and lo going down", async () => {
  const seen = await inNamespace(new URL("./fixtures/locality.ts", import.meta.url), "kernel");
  expect(seen).toEqual({
    start: [false, false],
    added: [true, true],
    anchored: [true, true],
    steady: true,
    deleted: [false, false],
    agrees: true,
  });
});

import { describe, expect, test } from "vitest";
import { inNamespace } from "../support/namespace.js";

const run = (name: string, options = {}) =>
  inNamespace(new URL("./fixtures/netlink-watch.ts", import.meta.url), name, options);

test("address events name who asked on IPv4, and nobody on IPv6", async () => {
  const { own, other, events } = await run("addresses");
  const addresses = events.filter(({ kind }: { kind: string }) => kind.startsWith("address"));
  const base = { prefixLength: 32, ifindex: 1, family: 4 };
  expect(addresses.slice(0, 3)).toMatchObject([
    { ...base, kind: "address-added", address: "203.0.113.53", pid: own },
    { ...base, kind: "address-removed", address: "203.0.113.53", pid: own },
    { ...base, kind: "address-added", address: "203.0.113.54", pid: other },
  ]);
  expect(addresses[3]).toMatchObject({ kind: "address-added", family: 6, address: "2001:db8::53", pid: 0 });
});

test("of routes, only local ones are told", async () => {
  expect(await run("other routes")).toEqual([
    { kind: "route-added", family: 4, address: "203.0.113.53", prefixLength: 32, metric: 1024, ifindex: 1 },
  ]);
});

test("a device going down and up is told", async () => {
  const links = await run("links");
  expect(links[0]).toEqual({ kind: "link", ifindex: 1, name: "lo", up: false });
  expect(links.at(-1)).toEqual({ kind: "link", ifindex: 1, name: "lo", up: true });
});

test("lost events are told as an overrun, and later ones arrive again", async () => {
  const { overruns, after } = await run("overrun");
  expect(overruns).toBeGreaterThan(0);
  expect(after).toEqual(["address-added", "route-added"]);
});

test("every listener sees events in order, also when one of them acts and polls", async () => {
  expect(await run("order of nested polls")).toEqual([
    "first address-added",
    "second address-added",
    "first address-removed",
    "second address-removed",
    "first address-added",
  ]);
});

describe("the end of a UDP socket", () => {
  test("of a killed server is told within milliseconds, for watched ports only", async () => {
    const seen = await run("killed server");
    expect(seen.map(({ events }: { events: unknown }) => events)).toEqual([
      [{ kind: "socket-destroyed", family: 4, address: "127.0.0.1", port: 5353 }],
      [{ kind: "socket-destroyed", family: 6, address: "::", port: 5353 }],
    ]);
    for (const { ms } of seen) expect(ms).toBeLessThan(25);
  });

  test("of any number of foreign sockets costs this process next to nothing", async () => {
    const { events, cpuMs } = await run("foreign sockets");
    expect(events).toEqual([]);
    expect(cpuMs).toBeLessThan(50);
  });

  test("is told without any capability", async () => {
    expect(await run("unprivileged", { unprivileged: true })).toBe(1);
  });
});

describe("the watch", () => {
  test("may be closed twice, and in a listener, and is silent then", async () => {
    expect(await run("close twice")).toEqual([]);
    expect(await run("close in a listener")).toBe(1);
  });

  test("makes what a listener throws uncaught", async () => {
    expect(await run("throwing", { exitCode: 3 })).toBe("thrown by a listener");
  });

  test("does not stand in the way of process.exit()", async () => {
    await run("exit", { exitCode: 4 });
  });

  test("works in worker threads, which may be terminated at any time", async () => {
    expect(await run("workers")).toEqual({ messages: 5, events: 255 });
  });

  test("costs microseconds to poll", async () => {
    expect(await run("cost of poll")).toBeLessThan(20_000);
  });
});

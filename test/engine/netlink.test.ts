import { describe, expect, test } from "vitest";
import { inNamespace } from "../support/namespace.js";

const run = (name: string, options = {}) =>
  inNamespace(new URL("./fixtures/netlink.ts", import.meta.url), name, options);

describe("addresses", () => {
  test("are added with label and scope, and deleted one by one", async () => {
    const { added, shown, left } = await run("add and delete");
    expect(added[0]).toMatchObject({ family: 4, device: "lo", prefixLength: 32, scope: 254, label: "lo:0" });
    expect(added[1]).toMatchObject({ family: 6, device: "lo", prefixLength: 128, scope: 0, label: "" });
    expect(shown).toContain("203.0.113.53/32 scope host lo:0");
    expect(left).toEqual(["127.0.0.1", "::1"]);
  });

  test("are changed in one go, each with its own result", async () => {
    expect(await run("many at once")).toEqual({ added: 0, present: 152, again: 150, left: 2 });
  });

  test("of a subnet are never deleted, and the kernel's refusals say which call failed", async () => {
    const seen = await run("refusals");
    expect(seen.subnet).toMatchObject({ code: "ERR_ENGINE_SYSCALL", errno: "EINVAL", syscall: "sendmsg RTM_DELADDR" });
    expect(seen.otherMask).toMatchObject({ errno: "EADDRNOTAVAIL" });
    expect(seen.kept).toBe(24);
    expect(seen.noDevice).toMatchObject({ errno: "ENODEV", syscall: "sendmsg RTM_NEWADDR" });
    expect(seen.twice.message).toBe("add 203.0.113.53/24 on lo: sendmsg RTM_NEWADDR failed with EEXIST");
    expect(seen.absent).toMatchObject({ errno: "EADDRNOTAVAIL" });
  });

  test("keep their label when a lifetime is refreshed or made forever", async () => {
    const { leased, longer, forever } = await run("lifetimes");
    expect(leased).toMatchObject({ label: "lo:0", validS: 30 });
    expect(longer).toMatchObject({ label: "lo:0", validS: 100, preferredS: 100 });
    expect(forever & 0x80).toBe(0x80);
  });
});

test("a link is set up", async () => {
  const { before, after, lo } = await run("links");
  expect(before).toMatchObject({ kind: "veth", up: false });
  expect(after.up).toBe(true);
  expect(lo).toEqual({ ifindex: 1, name: "lo", kind: "", up: true, loopback: true });
});

describe("the anchor", () => {
  test("is added and deleted any number of times and outlives the address, in both families", async () => {
    const seen = await run("anchor");
    const expected = { both: [true, true], anchored: [false, true], none: [false, false] };
    expect(seen).toEqual({ "203.0.113.53": expected, "2001:db8::53": expected });
  });

  test("of somebody else is left alone", async () => {
    expect(await run("foreign anchor")).toContain("metric 1024");
  });
});

test("the mark rule makes marked packets unroutable unless the target is local, in both families", async () => {
  const seen = await run("mark rule");
  expect(seen.without).toEqual(["sent", "sent"]);
  expect(seen.rules).toEqual([
    { family: 4, mark: 77 },
    { family: 6, mark: 77 },
  ]);
  for (const errno of seen.away) expect(["ENETUNREACH", "EHOSTUNREACH"]).toContain(errno);
  expect(seen.local).toEqual(["sent", "sent"]);
  expect(["ENETUNREACH", "EHOSTUNREACH"]).toContain(seen.withdrawn[0]);
  expect(seen.withdrawn[1]).toBe("sent"); // still local by its anchor
  expect(seen.left).toEqual([]);
});

test("the UDP sockets of a port are listed with what they cover", async () => {
  const [wildcard, one, connected, none] = await run("udp sockets");
  expect(wildcard).toEqual([{ family: 6, address: "::", port: 5353, connected: false, v6Only: false }]);
  expect(one).toEqual([{ family: 4, address: "203.0.113.53", port: 5354, connected: false, v6Only: false }]);
  expect(connected).toMatchObject([{ address: "127.0.0.1", connected: true }]);
  expect(none).toEqual([]);
});

test("a missing capability is an error that says so; listing needs none", async () => {
  const { add, anchor, rule, up, lists } = await run("unprivileged", { unprivileged: true });
  for (const refused of [add, anchor, rule, up]) {
    expect(refused).toMatchObject({ code: "ERR_ENGINE_SYSCALL", errno: "EPERM" });
    expect(refused.message).toContain("needs CAP_NET_ADMIN");
  }
  expect(lists).toEqual([2, 3, 1, 0]);
});

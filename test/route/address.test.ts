import { describe, expect, test } from "vitest";
import { inNamespace } from "../support/namespace.js";

const run = (name: string, options = {}) =>
  inNamespace(new URL("./fixtures/address.ts", import.meta.url), name, options);
const four = "203.0.113.53/32";
const six = "2001:db8::53/128";

test("announce and withdraw are idempotent, cause no events of our own and touch no other address", async () => {
  const { states, events, untouched, changes } = await run("the law");
  const announced = ["announced", "announced"];
  const withdrawn = ["withdrawn", "withdrawn"];
  expect(states).toEqual([withdrawn, announced, announced, withdrawn, withdrawn, announced, withdrawn]);
  expect(events).toEqual([]);
  expect(untouched).toBe(true);
  expect(changes.map(({ driver, prefix }: { driver: string; prefix: string }) => [driver, prefix])).toEqual([
    ["address", four],
    ["address", six],
  ]);
});

test("an IPv4 address is announced with its label", async () => {
  const lines = await run("label");
  expect(lines).toMatch(/203\.0\.113\.53\/32 scope global lo:0/);
  expect(lines).toMatch(/2001:db8::53\/128 scope global nodad/);
});

test("an address comes back as it was, also by a later run", async () => {
  const { before, after, changes, kept, left } = await run("attributes");
  expect(after).toEqual(before);
  expect(after[0]).toMatchObject({ label: "lo:any", scope: 253 });
  expect(after[1]).toMatchObject({ preferredS: 0 });
  expect(kept).toEqual(changes);
  expect(left).toEqual([]);
});

test("a change of an earlier run is void where the address is there again", async () => {
  expect(await run("present at start")).toEqual([]);
});

test("an address in another form or place is neither deleted nor doubled", async () => {
  const { mask, announced, observed, peer, device, left } = await run("other forms");
  expect(mask.code).toBe("ERR_ROUTE_UNSUPPORTED");
  expect(mask.message).toBe(`expected ${four} on lo or nothing, found 203.0.113.53/24 on lo; it was left alone`);
  expect(announced.prefixes).toEqual([four]);
  expect(observed[0]).toMatchObject({ announcement: "unknown", reason: mask.message });
  expect(observed[1]).toEqual({ announcement: "withdrawn", verified: true });
  expect(peer.message).toContain("found 203.0.113.53 peer 198.18.0.1/32 on lo");
  expect(device.message).toContain("found 203.0.113.53/32 on a0");
  expect(left).toContain("203.0.113.53/32 a0");
});

test("secondaries of a deleted address are put back", async () => {
  const { secondary, states, left } = await run("secondaries");
  expect(secondary).toContain("198.18.0.1");
  expect(states).toEqual(["withdrawn", "withdrawn"]);
  expect(left).toContain("198.18.0.1/32 lo");
});

test("whatever a deletion takes along is put back as it was, and told", async () => {
  const { before, left, reasons, after } = await run("secondaries alike");
  expect(before).toHaveLength(5);
  expect(left).toEqual(before);
  const told =
    "it took 198.18.0.1 peer 203.0.113.53/32 on lo, 198.18.0.2 peer 203.0.113.53/32 on lo along, put back at once";
  expect(reasons).toEqual([told, told]);
  // By now ours is the secondary: nothing goes with it.
  expect(after).toEqual([null, null]);
});

test("each address keeps the label that it had", async () => {
  expect(await run("labels of each")).toEqual(["lo:a", "lo:b", ""]);
});

describe("on another device than lo", () => {
  test("both families are moved, and what the kernel drops with the link is put back", async () => {
    const { announced, tentative, down, error, stillDown, up, back, labels, events, changes } =
      await run("another device");
    expect(announced).toEqual(["announced", "announced"]);
    expect(tentative).toBe(0);
    const because = { announcement: "withdrawn", verified: true, reason: "a0 is down" };
    expect(down).toEqual([because, because]);
    expect(error).toMatchObject({
      code: "ERR_ROUTE_UNREACHABLE",
      message: "a0 is down, and only loopback and dummy devices are set up from here: `ip link set a0 up`",
      prefixes: [six],
    });
    expect(stillDown).toEqual(["withdrawn", "withdrawn"]);
    expect(up).toEqual(["announced", "withdrawn"]);
    expect(back).toEqual(["announced", "announced"]);
    expect(labels).toBe("a0:any");
    expect(events).toEqual([
      { kind: "lost", reason: "a0 is down" },
      { kind: "back", reason: "a0 is up" },
    ]);
    expect(changes).toEqual([]);
  });

  test("a device that disappears is no manual removal, and is used again when it returns", async () => {
    const { gone, error, returned, back, events } = await run("device gone");
    const because = { announcement: "withdrawn", verified: true, reason: "there is no device a0" };
    expect(gone).toEqual([because, because]);
    expect(error).toMatchObject({
      code: "ERR_ROUTE_UNREACHABLE",
      message: "there is no device a0",
      prefixes: [four, six],
    });
    expect(returned).toEqual([{ announcement: "withdrawn", verified: true, reason: "a0 is down" }]);
    expect(back).toEqual(["announced", "announced"]);
    expect(events.map(({ kind }: { kind: string }) => kind)).toEqual(["back", "lost", "back"]);
  });
});

describe("events", () => {
  test("tell what others do and who, and nothing of what we do", async () => {
    const { events, pids } = await run("events");
    const nobody = "somebody (the kernel names nobody on IPv6)";
    expect(events).toEqual([
      { kind: "removed", prefix: four, by: `pid ${pids[0]}` },
      { kind: "appeared", prefix: four, by: `pid ${pids[1]}` },
      { kind: "removed", prefix: six, by: nobody },
      { kind: "appeared", prefix: six, by: nobody },
    ]);
  });

  test("of addresses that are not ours are not told", async () => {
    expect(await run("foreign prefixes")).toEqual([]);
  });

  test("take a device that went down for no manual removal; announcing sets it up again", async () => {
    const { events, down, up } = await run("lo down");
    expect(events).toEqual([
      { kind: "lost", reason: "lo is down" },
      { kind: "back", reason: "lo is up" },
    ]);
    expect(down.states).toEqual(["withdrawn", "withdrawn"]);
    expect(down.reasons).toEqual([{ announcement: "withdrawn", verified: true, reason: "lo is down" }]);
    expect(down.anchors).not.toContain("2001:db8::53");
    expect(up.states).toEqual(["announced", "announced"]);
    expect(up.anchors).toEqual(["2001:db8::53", "203.0.113.53"]);
  });
});

test("anchors are there from open on, and stay after close where the address is withdrawn", async () => {
  const { opened, local, closed } = await run("anchor");
  expect(opened).toEqual(["2001:db8::53", "203.0.113.53"]);
  expect(local).toBe(true);
  expect(closed).toEqual(["203.0.113.53"]);
});

describe("a lease", () => {
  test("adopts, lasts while it is refreshed, expires without, brings nothing back, and is forever after close", async () => {
    const seen = await run("lease");
    expect(seen.before).toEqual([null, 2]); // null: for ever
    expect(seen.refreshed[0]).toBeLessThanOrEqual(2);
    expect(seen.refreshed[1]).toBeLessThanOrEqual(2);
    expect(seen.kept).toBe(0);
    expect(seen.events.map(({ kind }: { kind: string }) => kind)).toEqual(["expired", "expired"]);
    expect(seen.goneMs).toBeLessThan(4000);
    expect(seen.left).toEqual(["127.0.0.1/8 lo", "::1/128"]);
    expect(seen.labels).toBe("lo:0");
    expect(seen.forever).toEqual([true, true]);
  });

  test("does not hide a removal by hand, nor undo it", async () => {
    expect(await run("lease removed by hand")).toEqual({
      kinds: ["removed", "removed"],
      left: ["127.0.0.1/8 lo", "::1/128"],
    });
  });
});

test("a label that does not fit the device, and a missing device, are refused with their reason", async () => {
  const [foreign, long, missing] = await run("labels");
  expect(foreign.message).toBe('expected a label like "lo:0" for device lo, got "eth0:1"');
  expect(long.message).toBe('expected a label of at most 15 octets, got "lo:0123456789abc"');
  expect(missing).toMatchObject({ code: "ERR_ROUTE_UNREACHABLE", message: "there is no device nope0" });
});

test("without the capability it observes, and refuses to change with the reason", async () => {
  const { states, error, anchor } = await run("unprivileged", { unprivileged: true });
  expect(states).toEqual(["withdrawn", "withdrawn"]);
  expect(error).toMatchObject({ code: "ERR_ROUTE_REFUSED", prefixes: [four, six] });
  expect(error.message).toContain("EPERM (needs CAP_NET_ADMIN)");
  expect(anchor.message).toContain("EPERM (needs CAP_NET_ADMIN)");
});

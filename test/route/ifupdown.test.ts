// The ifupdown driver with the real ifupdown, which reads and writes files of its own namespaces.
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { IfupdownDriver, isAlias } from "../../src/route/ifupdown.js";
import { parseStanza } from "../../src/route/ifupdown-stanza.js";
import { skipWithoutLab } from "../support/lab.js";
import { inNamespace } from "../support/namespace.js";

const missing = existsSync("/sbin/ifup") ? undefined : "the program `ifup` is missing: install ifupdown";
const run = (name: string) =>
  inNamespace(new URL("./fixtures/ifupdown.ts", import.meta.url), name, { emptied: ["/run", "/etc/network"] });
const four = "203.0.113.53/32";
const three = "203.0.113.54/32";
const six = "2001:db8::53/128";

describe("an interface", () => {
  it.each(["lo:0", "eth0:anycast", "a:1234567890123"])("may be %s", (name) => expect(isAlias(name)).toBe(true));
  it.each(["lo", "eth0", "lo:", ":0", "lo:0:1", "lo:a b", "lo:0=x", "-a", "lo:12345678901234"])(
    "may not be %s",
    (name) => {
      expect(isAlias(name)).toBe(false);
      const options = { interface: name, recovery: "manual", timeoutMs: 1000, prefixes: [] } as const;
      const noEvents = { subscribe: () => () => {}, poll: () => {} };
      expect(() => new IfupdownDriver(options, noEvents)).toThrow(
        `expected an alias like lo:0 of at most 15 octets, got "${name}"`,
      );
    },
  );
});

describe("what ifquery writes", () => {
  it("is read as addresses with their lengths, of both families", () => {
    const text = `address: 203.0.113.53\nbroadcast: 203.0.113.53\nnetmask: 255.255.255.255
address: 198.18.0.1\nnetmask: 255.255.254.0\naddress: 2001:DB8:0::53\nautoconf: 0\npreferred-lifetime: 0\nnetmask: 128\n`;
    expect(parseStanza(text)).toEqual([four, "198.18.0.1/23", six]);
  });

  it("has no address where it names none", () => {
    expect(parseStanza("")).toEqual([]);
    expect(parseStanza("gateway: 198.18.0.1\nnetmask: 24\naddress: nonsense\nnetmask: 24\n")).toEqual([]);
  });
});

describe.skipIf(skipWithoutLab(missing))("ifupdown", () => {
  it("moves the address and nothing else, as often as it is told, and its own doing is no event", async () => {
    const { states, announced, withdrawn, events } = await run("the law");
    expect(states).toEqual(["withdrawn", "announced", "announced", "withdrawn", "withdrawn", "announced", "withdrawn"]);
    expect(announced).toEqual({ shown: ["203.0.113.53/32 lo:0", "203.0.113.99/32 lo:9"], state: ["lo:0=lo:0"] });
    expect(withdrawn.shown).toEqual(["203.0.113.99/32 lo:9"]);
    expect(withdrawn.state).not.toContain("lo:0=lo:0");
    expect(withdrawn.changes).toEqual([{ driver: "ifupdown", prefix: four, undo: { interface: "lo:0" } }]);
    expect(events).toEqual([]);
  });

  it("moves both families of one name, with anchors", async () => {
    const { up, down, anchors, events } = await run("both families");
    expect(up).toEqual({ states: ["announced", "announced"], shown: ["2001:db8::53/128 lo", "203.0.113.53/32 lo:46"] });
    expect(down).toEqual({ states: ["withdrawn", "withdrawn"], shown: [] });
    expect(anchors).toEqual(["2001:db8::53", "203.0.113.53"]);
    expect(events).toEqual([]);
  });

  it("by an operator's hand is a removal, and its end", async () => {
    const { events, by, down, up } = await run("by hand");
    expect(events).toEqual(["removed", "appeared"]);
    expect(by[0]).toMatch(/^pid \d+$/);
    expect([down, up]).toEqual([["withdrawn"], ["announced"]]);
  });

  it("is forced where it thinks otherwise than the kernel", async () => {
    const { states, note, events, left } = await run("mixed");
    expect(states).toEqual(["announced", "withdrawn", "announced", "withdrawn"]);
    expect(note.reason).toBe("ifupdown had lo:0 otherwise than the kernel: it took `ifdown --force`");
    expect(events).toEqual(["appeared", "removed"]);
    expect(left).toEqual([]);
  });

  it("completes what is half there without touching the other half, and withdraws what is left of it", async () => {
    const { before, half, whole, none, state } = await run("half there");
    expect(before).toEqual(["announced", "announced"]);
    expect(half).toEqual(["withdrawn", "announced"]);
    expect(whole).toEqual(["announced", "announced"]);
    expect(none).toEqual(["withdrawn", "withdrawn"]);
    expect(state).not.toContain("lo:2=lo:2");
  });

  it("that does half of it and fails has failed for the other half alone, and takes back what it did", async () => {
    const { error, half, none } = await run("half there, and refused");
    expect(error).toMatchObject({ code: "ERR_ROUTE_REFUSED", prefixes: [three] });
    expect(error.message).toBe("`ifup lo:3` ended with status 1: ifup: failed to bring up lo:3");
    expect(half).toEqual(["announced", "withdrawn"]);
    expect(none).toEqual(["withdrawn", "withdrawn"]);
  });

  it("is refused where it would move others along, or not what it is told", async () => {
    const { up, down, mask, strange, left } = await run("together");
    const along = (program: string) =>
      `\`${program} lo:2\` would move ${three} along, which is not to move now: what one interface has moves together`;
    expect(up).toEqual({ code: "ERR_ROUTE_UNSUPPORTED", message: along("ifup"), prefixes: [four] });
    expect(down).toEqual({ code: "ERR_ROUTE_UNSUPPORTED", message: along("ifdown"), prefixes: [four] });
    expect(mask.message).toBe(
      `expected ${four} in the stanzas of lo:24 in /etc/network/interfaces, found 203.0.113.53/24`,
    );
    expect(strange.message).toMatch(/^expected 203\.0\.113\.77\/32 in the stanzas of lo:2 .*, found 203/);
    expect(left).toEqual(["203.0.113.53/32 lo:2", "203.0.113.54/32 lo:2"]);
  });

  it("is refused where there is no such stanza, no address in it, or no such device", async () => {
    const { nothing, unknown, device } = await run("absent");
    expect(nothing.message).toMatch(/found no address$/);
    expect(unknown).toMatchObject({ code: "ERR_ROUTE_UNREACHABLE" });
    expect(unknown.message).toBe("`ifquery lo:7` ended with status 1: ifquery: unknown interface lo:7");
    expect(device).toMatchObject({ code: "ERR_ROUTE_UNREACHABLE", message: "there is no device nope0" });
  });

  it("has its secondaries put back, and nothing else", async () => {
    const { withdrawn, left } = await run("hooks");
    expect(withdrawn.announcement).toBe("withdrawn");
    expect(withdrawn.reason).toContain("it took 198.18.0.1 peer 203.0.113.53/32 on lo along, put back at once");
    // What a hook takes away or puts there is its author's order.
    expect(left).toEqual(["198.18.0.1/32 lo:1", "203.0.113.98/32 lo"]);
  });

  it("and another of one device can be moved at the same time", async () => {
    const { up, left, events } = await run("two at once");
    expect(up).toEqual(["203.0.113.53/32 lo:0", "203.0.113.54/32 lo:3"]);
    expect(left).toEqual([]);
    expect(events).toEqual([]);
  });

  it("whose hook refuses has refused, and is told again", async () => {
    const { error, before, after } = await run("hook refuses");
    expect(error).toMatchObject({ code: "ERR_ROUTE_REFUSED", prefixes: [four] });
    expect(error.message).toContain("not allowed");
    expect([before, after]).toEqual([["withdrawn"], ["announced"]]);
  });

  it("that hangs is killed whole, and can be told again", async () => {
    const { error, tookMs, alive, hung, went } = await run("hang");
    expect(error).toMatchObject({ code: "ERR_ROUTE_REFUSED" });
    expect(error.message).toBe("`ifup lo:0` did not end within 400ms, and was killed");
    expect(tookMs).toBeLessThan(3000);
    expect(alive).toBe(false);
    expect([hung, went]).toEqual([["withdrawn"], ["announced"]]);
  });

  it("that waits for a lock is killed, changes nothing, and works once the lock is free", async () => {
    const { error, held, left } = await run("locked");
    expect(error.message).toMatch(/^`ifdown lo:0` did not end within 400ms, and was killed/);
    expect(held).toEqual(["203.0.113.53/32 lo:0"]);
    expect(left).toEqual([]);
  });

  it("ends before the driver is closed", async () => {
    expect(await run("closed meanwhile")).toEqual({
      finished: true,
      state: ["lo:0=lo:0"],
      shown: ["203.0.113.53/32 lo:0"],
    });
  });

  it("what it took away is known to the next run, and anchored meanwhile", async () => {
    const { changes, kept, left, anchors, end } = await run("restart");
    expect(kept).toEqual(changes);
    expect(left).toEqual([]);
    expect([anchors, end]).toEqual([1, 0]);
  });

  it("a device that is down is told, and set up when it announces", async () => {
    const { down, up, events } = await run("device down");
    expect(down).toEqual({ announcement: "withdrawn", verified: true, reason: "lo is down" });
    expect(up).toEqual(["announced"]);
    expect(events.map(({ kind }: { kind: string }) => kind)).toEqual(["lost", "back"]);
  });

  it("is compared with its stanzas by the selftest, which moves nothing", async () => {
    const { away, here, along, wide, none, shown } = await run("selftest");
    expect(away).toEqual({ state: "doubtful", got: "withdrawn; withdrawing runs `ifdown lo:0`" });
    expect(here).toEqual({ state: "proven", got: "announced; withdrawing runs `ifdown lo:0`" });
    expect(along).toEqual({ state: "failed", got: `lo:2 has ${three} too` });
    expect(wide).toEqual({ state: "failed", got: "lo:24 has 203.0.113.53/24" });
    expect(none.state).toBe("failed");
    expect(none.got).toContain("unknown interface lo:7");
    expect(shown).toEqual(["203.0.113.53/32 lo:0"]);
  });
});

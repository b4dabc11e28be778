// The bird driver on a real BIRD at e1, beside an FRR at e2 that announces the same; R1 is an FRR, and its kernel's table judges. BIRD
// announces an LSA no sooner than 5 s after its last: each prefix is brought back once.
import { readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { Network } from "../../src/demo/network.js";
import type { RouteMonitor } from "../../src/demo/route-monitor.js";
import { BirdDriver, type BirdWay } from "../../src/route/bird.js";
import type { Announcement, DriverEvent } from "../../src/route/driver.js";
import { addressOf, type Prefix, prefixOf } from "../../src/route/prefix.js";
import { proveRoute } from "../../src/run/selftest-route.js";
import { monotonicNs } from "../../src/units.js";
import { Bird, birdMissing } from "../support/bird.js";
import { skipWithoutLab } from "../support/lab.js";

const [moved, other, fed, fedToo, alone] = ["53", "54", "55", "56", "57"].map((n) => prefixOf(`203.0.113.${n}`)) as [
  Prefix,
  Prefix,
  Prefix,
  Prefix,
  Prefix,
];
const [moved6, other6] = ["53", "54"].map((n) => prefixOf(`2001:db8::${n}`)) as [Prefix, Prefix];
const included = [moved, other, moved6, other6];

const define = (name: string, ...prefixes: string[]) =>
  `define ${name} =\n    [\n        ${prefixes.join(",\n        ")}\n    ];\n`;
const dummy = "10.189.200.255/32";
const dummy6 = "2001:db8::1/128";
const rungless = (prefixes: readonly string[]) => define("ACAST_PS_ADVERTISE", dummy, ...prefixes);
const withRungs = (prefixes: readonly string[]) =>
  rungless(prefixes) +
  ["DEGRADED", "DRAINED", "DEAD"].map((rung) => define(`ACAST_PS_ADVERTISE_${rung}`, dummy)).join("");

// Not that of the FRR before it, whose LSAs R1 keeps for an hour: to outdo those would take BIRD its 5 s.
const routerId = "198.18.255.21";

const config = (directory: string) => `
router id ${routerId};
include "${directory}/*.set";
function match_route() { return net ~ ACAST_PS_ADVERTISE; }
function match_route6() { return net ~ ACAST6_PS_ADVERTISE; }
filter anycast {
  if proto ~ "feed*" then { ospf_metric1 = 20; accept; }
  if ! match_route() then reject;
  ospf_metric1 = 20;
  if net ~ ACAST_PS_ADVERTISE_DEGRADED then ospf_metric1 = 20000;
  if net ~ ACAST_PS_ADVERTISE_DRAINED then ospf_metric1 = 40000;
  if net ~ ACAST_PS_ADVERTISE_DEAD then ospf_metric1 = 16777214;
  accept;
}
filter anycast6 {
  if ! match_route6() then reject;
  ospf_metric1 = 20;
  accept;
}
protocol device { }
protocol direct { ipv4; ipv6; interface "lo"; }
protocol static feed_two { ipv4; route ${fed} via "lo"; route ${fedToo} via "lo"; }
protocol static feed_one { ipv4; route ${alone} via "lo"; }
protocol ospf v2 edge {
  ipv4 { import none; export filter anycast; };
  area 0 { interface "up0" { type ptp; hello 1; dead 4; }; };
}
protocol ospf v3 edge6 {
  ipv6 { import none; export filter anycast6; };
  area 0 { interface "up0" { type ptp; hello 1; dead 4; }; };
}
`;

let network: Network;
let monitor: RouteMonitor;
let bird: Bird;
let driver: BirdDriver;
let events: DriverEvent[];

const file = () => bird.path("v4.set");
const file6 = () => bird.path("v6.set");
const ways = (): { ipv4: BirdWay; ipv6: BirdWay } => ({
  ipv4: { file: file(), constant: "ACAST_PS_ADVERTISE", dummy },
  ipv6: { file: file6(), constant: "ACAST6_PS_ADVERTISE", dummy: dummy6 },
});

async function open(by: Partial<ReturnType<typeof ways>> = {}, changes = driver?.changes() ?? []): Promise<void> {
  await driver?.close();
  events = [];
  driver = new BirdDriver({ socket: bird.socket, ...ways(), ...by, timeoutMs: 500 });
  await driver.open(changes, (event) => events.push(event));
}

const observed = async (prefix: Prefix) => (await driver.observe([prefix])).get(prefix)!;
const e1 = () => network.endpoints[0]!;

/** Waits until the driver has verified it, and R1's kernel says the same. */
async function settled(prefix: Prefix, announcement: Announcement, alike = 2): Promise<void> {
  const seen = async () => {
    const { announcement, verified } = await observed(prefix);
    return { announcement, verified };
  };
  await expect.poll(seen, { timeout: 20_000 }).toEqual({ announcement, verified: true });
  const hops = () => network.nextHops(prefix).then(({ length }) => length);
  await expect.poll(hops, { timeout: 20_000 }).toBe(announcement === "announced" ? alike : alike - 1);
}

/** The sequence number of this BIRD's own LSA of a prefix. */
async function sequenceOf(prefix: Prefix): Promise<string | undefined> {
  const lsas = await bird.ask("show ospf lsadb self edge");
  return new RegExp(`^ *0005 +${addressOf(prefix).replaceAll(".", "\\.")} +\\S+ +(\\S+)`, "m").exec(lsas)?.[1];
}

const forgotten = async () => {
  const hops = await Promise.all(included.map((prefix) => network.nextHops(prefix)));
  return hops.every(({ length }) => length === 1);
};

const gone = (hops: readonly string[]) => !hops.includes(e1().address);
const back = (hops: readonly string[]) => hops.includes(e1().address);

const unexplained = () => ({ services: [], reason: "", evidence: [] });

describe.skipIf(skipWithoutLab() || skipWithoutLab(birdMissing()))("beside BIRD", () => {
  beforeAll(async () => {
    network = await Network.create({
      endpoints: 2,
      announce: "redistribute",
      timers: "tuned",
      prefixes: included,
      client: false,
      ipv6: true,
    });
    await e1().router.stop();
    // R1 keeps what the FRR there announced until its dead interval.
    await vi.waitUntil(forgotten, { timeout: 20_000 });
    bird = await Bird.create(e1().namespace, config);
    await writeFile(file(), withRungs([moved, other]));
    await writeFile(file6(), define("ACAST6_PS_ADVERTISE", dummy6, moved6, other6));
    await bird.start();
    monitor = await network.routeMonitor();
  }, 90_000);
  afterAll(async () => {
    await bird?.[Symbol.asyncDispose]();
    await network?.close();
  });
  beforeEach(() => open({}, []));
  afterEach(() => driver.close());

  test("all that its sets have is announced, of both families", async () => {
    for (const prefix of included) await settled(prefix, "announced");
    expect(await observed(moved)).toEqual({
      announcement: "announced",
      verified: true,
      way: `ACAST_PS_ADVERTISE in ${file()}`,
    });
  });

  test("the selftest says what it would change, and what it could not", async () => {
    const entry = { driver: "bird", socket: bird.socket, ...ways() } as const;
    expect(await proveRoute(entry, [moved, moved6], unexplained)).toMatchObject([
      { subject: moved, state: "proven", got: `announced; withdrawing changes ACAST_PS_ADVERTISE in ${file()}` },
      {
        subject: moved6,
        state: "doubtful",
        got: expect.stringMatching(/it cannot be depreferred: .* has no ACAST6_/),
      },
    ]);
    const away = { ...entry, ipv4: { ...ways().ipv4, file: "/nonexistent/v4.set" } } as const;
    expect(await proveRoute(away, [moved], unexplained)).toMatchObject([
      { state: "failed", got: expect.stringMatching(/v4\.set cannot be replaced: ENOENT/) },
    ]);
  });

  test("an included set moves one of two prefixes and leaves the other's LSA alone; BIRD's next start finds it so", async () => {
    const before = await sequenceOf(other);
    const sinceNs = monotonicNs();
    await driver.withdraw([moved]);
    expect(await observed(moved)).toMatchObject({
      announcement: "withdrawn",
      verified: false,
      reason: "not acknowledged by every neighbour",
      way: `ACAST_PS_ADVERTISE in ${file()}`,
    });
    await monitor.until(addressOf(moved), gone, sinceNs);
    await settled(moved, "withdrawn");
    expect(await readFile(file(), "utf8")).toBe(withRungs([other]));
    expect(driver.changes()).toEqual([
      { driver: "bird", prefix: moved, undo: { file: file(), constant: "ACAST_PS_ADVERTISE" } },
    ]);
    const backNs = monotonicNs();
    await driver.announce([moved]);
    await monitor.until(addressOf(moved), back, backNs);
    await settled(moved, "announced");
    expect(await sequenceOf(other)).toBe(before);
    const ofOther = monitor.events.filter(
      ({ destination, atNs }) => destination === addressOf(other) && atNs > sinceNs,
    );
    expect(ofOther).toEqual([]);
    expect(driver.changes()).toEqual([]);
    expect(events).toEqual([]);
  });

  test("OSPFv3 likewise; a set without rungs says what is missing", async () => {
    const sinceNs = monotonicNs();
    await driver.withdraw([moved6]);
    await settled(moved6, "withdrawn");
    await settled(other6, "announced");
    expect(await readFile(file6(), "utf8")).toBe(define("ACAST6_PS_ADVERTISE", dummy6, other6));
    await driver.announce([moved6]);
    await settled(moved6, "announced");
    const ofOther = monitor.events.filter(
      ({ destination, atNs }) => destination === addressOf(other6) && atNs > sinceNs,
    );
    expect(ofOther.filter(({ nextHops }) => nextHops.length === 1)).toEqual([]);
    expect((await observed(moved6)).noRung).toBe(
      `${file6()} has no ACAST6_PS_ADVERTISE_DEGRADED, ACAST6_PS_ADVERTISE_DRAINED, ACAST6_PS_ADVERTISE_DEAD: define each ` +
        `there as \`[ ${dummy6} ]\`, and let BIRD's export filter set the metric by them (docs/routers/bird.md)`,
    );
    await expect(driver.deprefer([moved6], "drained")).rejects.toMatchObject({
      code: "ERR_ROUTE_UNSUPPORTED",
      prefixes: [moved6],
    });
  });

  test("rungs that the export filter does not know are told once BIRD has them", async () => {
    const sets = ["", "_DEGRADED", "_DRAINED", "_DEAD"].map((rung) => `ACAST6_PS_ADVERTISE${rung}`);
    await writeFile(file6(), sets.map((set, i) => define(set, dummy6, ...(i === 0 ? [moved6, other6] : []))).join(""));
    expect((await observed(moved6)).noRung).toBeUndefined();
    await driver.deprefer([moved6], "drained");
    expect(await observed(moved6)).toMatchObject({
      announcement: "announced",
      noRung: expect.stringContaining("`if net ~ ACAST6_PS_ADVERTISE_DRAINED then ospf_metric1 = 40000;`"),
    });
    await driver.announce([moved6]);
  });

  test("a depreferred prefix is announced at the cost of its rung, and BIRD takes 5 s to prefer it again", async () => {
    await settled(other, "announced");
    const sinceNs = monotonicNs();
    await driver.deprefer([other], "drained");
    await monitor.until(addressOf(other), gone, sinceNs);
    await settled(other, "drained");
    expect(driver.changes()).toMatchObject([{ prefix: other, undo: { rung: "drained" } }]);
    expect(await readFile(file(), "utf8")).toContain(define("ACAST_PS_ADVERTISE_DRAINED", dummy, other));
    await driver.announce([other]);
    expect(await observed(other)).toMatchObject({
      announcement: "drained",
      verified: false,
      reason: "BIRD announces it no sooner than 5 s after its last announcement",
    });
    // Told again, it does nothing: the file is as it should be, and BIRD has it.
    const configured = /Last reconfiguration on .*/.exec(await bird.ask("show status"))![0];
    await driver.announce([other]);
    expect(await bird.ask("show status")).toContain(configured);
    await settled(other, "announced");
  });

  test("a BIRD that hangs is unknown, and known again when it goes on", async () => {
    await observed(moved);
    bird.signal("SIGSTOP");
    expect(await observed(moved)).toMatchObject({
      announcement: "unknown",
      reason: expect.stringMatching(/within 500 ms/),
    });
    bird.signal("SIGCONT");
    await expect.poll(() => observed(moved).then(({ announcement }) => announcement)).toBe("announced");
    expect(events.map(({ kind }) => kind)).toEqual(["lost", "back"]);
  });

  test("where BIRD refuses our own file the old one comes back, with BIRD's words", async () => {
    const good = await readFile(file(), "utf8");
    const before = `${good}nonsense;\n`;
    await writeFile(file(), before);
    const inode = (await stat(file())).ino;
    await expect(driver.withdraw([moved])).rejects.toMatchObject({
      code: "ERR_ROUTE_REFUSED",
      message: expect.stringMatching(/v4\.set:\d+:\d+ syntax error/),
      prefixes: [moved],
    });
    expect(await readFile(file(), "utf8")).toBe(before);
    expect((await stat(file())).ino).toBe(inode);
    expect((await readdir(bird.directory)).filter((name) => name.includes("anyprobe"))).toEqual([]);
    await settled(moved, "announced");
    await writeFile(file(), good);
  });

  test("of a withdrawal the new set stays where BIRD blames another file: the reload that follows its mending takes it out", async () => {
    await writeFile(bird.path("broken.set"), "nonsense;\n");
    for (const _ of [1, 2]) {
      await expect(driver.withdraw([moved])).rejects.toMatchObject({
        message: expect.stringMatching(/broken\.set:1:/),
      });
      expect(await readFile(file(), "utf8")).toBe(withRungs([other]));
      expect(await observed(moved)).toMatchObject({
        announcement: "announced",
        reason: expect.stringContaining(`lacks ${moved}, and BIRD exports it all the same`),
      });
    }
    expect((await readdir(bird.directory)).filter((name) => name.includes("anyprobe"))).toEqual([]);
    await rm(bird.path("broken.set"));
    await bird.ask("configure");
    await settled(moved, "withdrawn");
    expect(events).toEqual([]);
    // What it announces, no BIRD that refuses may take as done.
    await writeFile(bird.path("broken.set"), "nonsense;\n");
    await expect(driver.announce([moved])).rejects.toMatchObject({ code: "ERR_ROUTE_REFUSED" });
    expect(await readFile(file(), "utf8")).toBe(withRungs([other]));
    await rm(bird.path("broken.set"));
    await driver.announce([moved]);
    await settled(moved, "announced");
  });

  test("a BIRD that does not answer has its file edited for a withdrawal alone", async () => {
    bird.signal("SIGSTOP");
    const silent = { code: "ERR_ROUTE_UNREACHABLE", prefixes: [moved] };
    for (const _ of [1, 2]) await expect(driver.withdraw([moved])).rejects.toMatchObject(silent);
    expect(await readFile(file(), "utf8")).toBe(withRungs([other]));
    expect(driver.changes()).toMatchObject([{ prefix: moved }]);
    await expect(driver.announce([moved])).rejects.toMatchObject(silent);
    expect(await readFile(file(), "utf8")).toBe(withRungs([other]));
    bird.signal("SIGCONT");
    await driver.withdraw([moved]);
    await settled(moved, "withdrawn");
    expect(events.map(({ kind }) => kind)).toEqual(["lost", "back"]);
    await driver.announce([moved]);
    await settled(moved, "announced");
  });

  test("a missing file or set is told with what to do, and nothing is touched", async () => {
    const text = await readFile(file(), "utf8");
    await rename(file(), bird.path("away"));
    const missing = expect.stringMatching(/^no file .*v4\.set: write `define ACAST_PS_ADVERTISE = \[ 10\.189/);
    expect(await observed(moved)).toMatchObject({ announcement: "announced", verified: true, reason: missing });
    await expect(driver.withdraw([moved])).rejects.toMatchObject({ message: missing, prefixes: [moved] });
    await writeFile(file(), "# nothing here\n");
    await expect(driver.withdraw([moved])).rejects.toMatchObject({
      code: "ERR_ROUTE_UNSUPPORTED",
      message: expect.stringMatching(/^expected `define ACAST_PS_ADVERTISE = \[ … \];` in /),
    });
    await writeFile(file(), text);
    await settled(moved, "announced");
  });

  test("an operator who edits the set removes a prefix, and brings it back", async () => {
    await observed(other6);
    const text = await readFile(file6(), "utf8");
    await writeFile(file6(), text.replace(`,\n        ${other6}`, ""));
    await bird.ask("configure");
    await settled(other6, "withdrawn");
    expect(events).toEqual([{ kind: "removed", prefix: other6, by: `an operator in ${file6()}` }]);
    await writeFile(file6(), text);
    await bird.ask("configure");
    await settled(other6, "announced");
    expect(events.slice(1)).toEqual([{ kind: "appeared", prefix: other6, by: `an operator in ${file6()}` }]);
    expect(driver.changes()).toEqual([]);
  });

  test("that order is heard too where it comes just before a change of ours", async () => {
    await driver.observe([moved6, other6]);
    const text = await readFile(file6(), "utf8");
    await writeFile(file6(), text.replace(`,\n        ${other6}`, ""));
    await driver.withdraw([moved6]);
    await settled(other6, "withdrawn");
    expect(events).toEqual([{ kind: "removed", prefix: other6, by: `an operator in ${file6()}` }]);
    await driver.announce([moved6, other6]);
    await settled(moved6, "announced");
    await settled(other6, "announced");
  });

  describe("by a protocol", () => {
    test("it is disabled and enabled; what others undo is noticed", async () => {
      await open({ ipv4: { protocol: "feed_one" } }, []);
      await settled(alone, "announced", 1);
      await driver.withdraw([alone]);
      expect(driver.changes()).toEqual([{ driver: "bird", prefix: alone, undo: { protocol: "feed_one" } }]);
      await settled(alone, "withdrawn", 1);
      await bird.ask("configure");
      await settled(alone, "announced", 1);
      expect(events).toEqual([{ kind: "appeared", prefix: alone, by: "an operator at BIRD" }]);
      await bird.ask("disable feed_one");
      await settled(alone, "withdrawn", 1);
      expect(events.slice(1)).toEqual([{ kind: "removed", prefix: alone, by: "an operator at BIRD" }]);
      await driver.announce([alone]);
      expect(await bird.ask("show protocols feed_one")).toMatch(/ up /);
      expect((await observed(alone)).noRung).toMatch(/feed_one is on or off/);
    });

    test("one of its two prefixes is refused, both are moved", async () => {
      await open({ ipv4: { protocol: "feed_two" } }, []);
      await settled(fed, "announced", 1);
      await expect(driver.withdraw([fed])).rejects.toMatchObject({
        code: "ERR_ROUTE_UNSUPPORTED",
        message: expect.stringContaining(`would take ${fedToo} along with ${fed}`),
      });
      await driver.withdraw([fed, fedToo]);
      await settled(fed, "withdrawn", 1);
      await expect(driver.announce([fed])).rejects.toMatchObject({
        message: expect.stringContaining(`would announce ${fedToo} along with ${fed}`),
      });
      const changes = driver.changes();
      await open({ ipv4: { protocol: "feed_two" } }, changes);
      await driver.observe([fed, fedToo]);
      // What it brings was not seen by this run.
      await expect(driver.announce([fed])).rejects.toMatchObject({
        message: expect.stringContaining(`would announce ${fedToo} along with ${fed}`),
      });
      await driver.announce([fed, fedToo]);
      await settled(fedToo, "announced", 1);
      // Of what an operator takes away nothing was told.
      await bird.ask("disable feed_two");
      await settled(fed, "withdrawn", 1);
      await driver.observe([fed, fedToo]);
      await expect(driver.announce([fed])).rejects.toMatchObject({
        message: expect.stringContaining(`would announce ${fedToo} along with ${fed}`),
      });
      await driver.announce([fed, fedToo]);
      await settled(fedToo, "announced", 1);
    });

    test("a whole OSPF protocol, or none, is refused", async () => {
      await open({ ipv4: { protocol: "edge" } }, []);
      await expect(driver.withdraw([moved])).rejects.toMatchObject({
        message: expect.stringContaining("edge, which is OSPF"),
      });
      await open({ ipv4: { protocol: "nobody" } }, []);
      expect((await observed(moved)).reason).toMatch(/^BIRD has no protocol nobody/);
      await settled(moved, "announced");
    });
  });

  test("another metric-type than others have is no way to deprefer", async () => {
    const conf = await readFile(bird.path("bird.conf"), "utf8");
    await settled(moved, "announced");
    await writeFile(bird.path("bird.conf"), conf.replaceAll("ospf_metric1", "ospf_metric2"));
    await bird.ask("configure");
    const typed = expect.stringMatching(
      /^198\.18\.255\.12 announces 203\.0\.113\.53\/32 with metric-type 1, this router with 2/,
    );
    expect(await observed(moved)).toMatchObject({ announcement: "announced", noRung: typed });
    await expect(driver.deprefer([moved], "dead")).rejects.toMatchObject({ message: typed });
    await writeFile(bird.path("bird.conf"), conf);
    await bird.ask("configure");
  });

  test("both leave in one change; a restart of BIRD brings neither back; no adjacency is no verification", async () => {
    await settled(moved, "announced");
    const sinceNs = monotonicNs();
    await driver.withdraw([moved, other, moved6]);
    const left = await Promise.all([moved, other].map((prefix) => monitor.until(addressOf(prefix), gone, sinceNs)));
    expect(Math.abs(left[0]!.atNs - left[1]!.atNs)).toBeLessThan(100e6);
    await settled(other, "withdrawn");
    await settled(moved6, "withdrawn");
    await bird.kill();
    const lost = await observed(moved);
    expect(lost).toMatchObject({ announcement: "unknown", verified: false });
    expect(lost.reason).toMatch(/BIRD does not answer/);
    expect(events.map(({ kind }) => kind)).toEqual(["lost"]);
    await expect(driver.withdraw([other6])).rejects.toMatchObject({ code: "ERR_ROUTE_UNREACHABLE" });
    await bird.start();
    await expect.poll(() => observed(moved).then(({ announcement }) => announcement)).toBe("withdrawn");
    // What died while BIRD was away was never let out.
    expect((await observed(other6)).announcement).toBe("withdrawn");
    expect(events.map(({ kind }) => kind)).toEqual(["lost", "back"]);
    expect(driver.changes().map(({ prefix }) => prefix)).toEqual([moved, other, moved6, other6]);
    await e1().namespace.ip("link", "set", "up0", "down");
    await expect.poll(() => observed(moved)).toMatchObject({ verified: false, reason: "no adjacency" });
  });
});

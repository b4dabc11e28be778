// The selftest as a process in a network namespace, against real servers and routers: what it proves of a host that is well, and
// which line tells of each fault.
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { describe, expect, type TestContext, test } from "vitest";
import { stringify } from "yaml";
import type { Namespace } from "../../src/demo/namespace.js";
import { Network } from "../../src/demo/network.js";
import type { Address } from "../../src/engine/netlink.js";
import type { Proof } from "../../src/run/selftest.js";
import { strangerOf } from "../../src/run/selftest-reach.js";
import { healthAddress, healthName, startNamed, startUnbound } from "../lab/servers.js";
import { allUp } from "../support/daemon.js";
import { anycast, anycastAddress, Host, hostMissing, type Keys, uplinkAddress } from "../support/host.js";
import { skipWithoutLab } from "../support/lab.js";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** What a test leaves behind goes with it, last made first gone; tests run beside each other. */
type Context = Pick<TestContext, "onTestFinished">;

async function makeHost({ onTestFinished }: Context, prefixes?: readonly string[]): Promise<Host> {
  const host = await Host.create(prefixes);
  onTestFinished(() => host[Symbol.asyncDispose]());
  return host;
}

/** One check of one service; what a case gives goes over it. */
const configOf = ({ check, service, top }: { check?: Keys; service?: Keys; top?: Keys } = {}): Keys => ({
  control: "/nonexistent/anyprobe.sock",
  ...top,
  services: {
    resolver: {
      prefixes: [anycast],
      checks: [{ dns: { name: healthName }, expect: { answers: [healthAddress] }, timeout: "500ms", ...check }],
      route: [{ none: {} }],
      guard: "none",
      ...service,
    },
  },
});

function spawnSelftest(namespace: Namespace, file: string, wrapper: readonly string[] = [], form = ["--json"]) {
  const node = [process.execPath, "--import", import.meta.resolve("tsx"), main];
  const [program, ...argv] = [...wrapper, ...node, "selftest", "-c", file, ...form];
  return namespace.spawn(program!, argv, { stdio: ["ignore", "pipe", "pipe"] });
}

interface Result {
  readonly code: number | null;
  readonly ok: boolean;
  readonly proofs: readonly Proof[];
}

async function selftest(namespace: Namespace, config: Keys, wrapper?: readonly string[]): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), "anyprobe-selftest-"));
  try {
    const file = join(directory, "anyprobe.yaml");
    await writeFile(file, stringify(config));
    const child = spawnSelftest(namespace, file, wrapper);
    const [out, err, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, "close")]);
    if (out === "") throw new Error(`the selftest ended with ${code}: ${err}`);
    return { code, ...JSON.parse(out) };
  } finally {
    await rm(directory, { recursive: true });
  }
}

const of = ({ proofs }: Result, kind: Proof["kind"]) => proofs.filter((proof) => proof.kind === kind);
const words = (proofs: readonly Proof[]) => proofs.map(({ state, claim, got }) => `${state}: ${claim}: ${got}`);
const rules = (host: Host) => host.ip("rule").then((out) => out.split("\n").filter((line) => line.includes("fwmark")));

describe.skipIf(skipWithoutLab(hostMissing()))("the selftest of a host that is well", { concurrent: true }, () => {
  test("proves every kind of check in both families, and leaves nothing behind", async (context) => {
    const prefixes = [anycast, "2001:db8::53/128"];
    const host = await makeHost(context, prefixes);
    await host.ip("address", "add", "2001:db8:1::2/64", "dev", "up0", "nodad");
    const server = await startUnbound({ namespace: host.namespace, identity: "e1" });
    context.onTestFinished(() => server.stop());
    const quick = { timeout: "500ms", interval: "1s" };
    const checks = [
      { dns: { name: healthName }, expect: { answers: [healthAddress], nsid: "e1" }, ...quick },
      { dns: { name: healthName, transport: "tcp" }, expect: { answers: [healthAddress] }, ...quick },
      { dns: { name: "example.com", random_label: true }, expect: { rcode: "NXDOMAIN" }, ...quick },
      { exec: { command: ["/bin/true"] }, ...quick },
    ];
    const result = await selftest(host.namespace, configOf({ service: { prefixes, checks } }));
    expect(words(result.proofs.filter(({ state }) => state !== "proven"))).toEqual([]);
    expect(result).toMatchObject({ code: 0, ok: true });
    const count = (kind: Proof["kind"]) => of(result, kind).length;
    expect(["source", "mark-rule", "unroutable", "kept-in"].map((kind) => count(kind as Proof["kind"]))).toEqual([
      2, 2, 2, 1,
    ]);
    expect(["passes", "wrong-answer", "rate"].map((kind) => count(kind as Proof["kind"]))).toEqual([8, 8, 8]);
    // By the engine, by plans of one shot, over TCP, by a program: the last has no port.
    expect([count("refused-port"), count("timeout")]).toEqual([6, 8]);
    expect(await rules(host)).toEqual([]);
  });

  test("runs beside a daemon, whose mark rule stays", async (context) => {
    const host = await makeHost(context);
    await host.answer();
    const daemon = host.run();
    const before = await daemon.until(allUp);
    const own = await rules(host);
    expect(own).toHaveLength(1);
    const config = configOf({ top: { control: host.control } });
    const well = await selftest(host.namespace, config);
    expect(words(well.proofs.filter(({ state }) => state !== "proven"))).toEqual([]);
    expect(of(well, "mark-rule").map(({ claim }) => claim)).toEqual([
      "the mark rule can be installed",
      "the running daemon's mark rule is there",
    ]);
    expect(await rules(host)).toEqual(own);
    const since = (status: typeof before) => status.services[0]!.prefixes[0]!.checks[0]!.sinceNs;
    expect(since(await daemon.status())).toBe(since(before));
    await host.ip("rule", "del", "pref", "1");
    // At another port nobody answers: what does not pass is not asked at its rate.
    const check = { dns: { name: healthName, port: 54 } };
    const bare = await selftest(host.namespace, configOf({ top: { control: host.control }, check }));
    expect(bare).toMatchObject({ code: 1, ok: false });
    expect(words(of(bare, "mark-rule"))[1]).toBe("failed: the running daemon's mark rule is there: no such rule");
  });

  test("takes its mark rule away when it is interrupted, and the program that it runs", async (context) => {
    const host = await makeHost(context);
    await host.answer();
    const pidFile = join(host.directory, "pid");
    const command = ["/bin/sh", "-c", `echo $$ > ${pidFile}; exec sleep 60`];
    const checks = [{ exec: { command }, timeout: "20s" }];
    host.writeConfig(configOf({ service: { checks } }));
    const child = spawnSelftest(host.namespace, host.configFile);
    await expect.poll(() => existsSync(pidFile) && readFileSync(pidFile, "utf8"), { timeout: 20_000 }).toMatch(/\n$/);
    const pid = readFileSync(pidFile, "utf8").trim();
    // A zombie, which nobody may have waited for yet, has no command line.
    const lives = () => existsSync(`/proc/${pid}`) && readFileSync(`/proc/${pid}/cmdline`, "utf8") !== "";
    expect(lives()).toBe(true);
    expect(await rules(host)).toHaveLength(1);
    child.kill("SIGINT");
    await once(child, "close");
    expect(child.signalCode).toBe("SIGINT");
    expect(await rules(host)).toEqual([]);
    await expect.poll(lives).toBe(false);
  });
});

// Most of them wait for timeouts, or for the seconds of the fast rate.
describe.skipIf(skipWithoutLab(hostMissing()))("the selftest tells of", { concurrent: true }, () => {
  test("a server that limits the rate of its responses", async (context) => {
    const host = await makeHost(context);
    const addresses = ["127.0.0.1", anycastAddress];
    const server = await startNamed({ namespace: host.namespace, identity: "e1", addresses, responsesPerSecond: 5 });
    context.onTestFinished(() => server.stop());
    const result = await selftest(host.namespace, configOf());
    expect(result.code).toBe(1);
    expect(of(result, "passes")).toMatchObject([{ state: "proven" }]);
    const [rate] = of(result, "rate");
    expect(rate).toMatchObject({ state: "failed", expected: "every one to pass, and none to be truncated" });
    expect(rate!.got).toMatch(/^\d+ asked in 5s; failed: .*timeout \(\d+ of \d+\).*truncated: \d+$/);
    expect(rate!.advice).toContain(`rate-limit { exempt-clients { ${uplinkAddress}; }; }`);
  });

  test("no server at all: refusals and silences are told apart, nothing more is asked", async (context) => {
    const host = await makeHost(context);
    const result = await selftest(host.namespace, configOf());
    expect(result.code).toBe(1);
    expect(of(result, "passes")).toMatchObject([
      {
        state: "failed",
        got: "port unreachable (3 of 3)",
        advice: `start the server at ${anycastAddress} port 53, or correct the port`,
      },
    ]);
    expect(of(result, "wrong-answer")).toMatchObject([{ state: "doubtful" }]);
    expect(of(result, "refused-port")).toMatchObject([{ state: "proven" }]);
    expect(of(result, "timeout")).toMatchObject([{ state: "proven" }]);
    expect(of(result, "rate")).toEqual([]);
  });

  test("a server that answers wrongly", async (context) => {
    const host = await makeHost(context);
    await host.answer({ mode: "wrong" });
    const result = await selftest(host.namespace, configOf());
    expect(result.code).toBe(1);
    const [passes] = of(result, "passes");
    expect(passes!.got).toMatch(/^answers 198\.51\.100\.66, expected 198\.51\.100\.80 \(3 of 3\)$/);
    expect(of(result, "wrong-answer")).toMatchObject([{ state: "proven" }]);
  });

  test("a source that is not this host's", async (context) => {
    const host = await makeHost(context);
    const result = await selftest(host.namespace, configOf({ top: { source: { ipv4: "198.18.0.99" } } }));
    expect(result.code).toBe(1);
    expect(words(result.proofs)).toEqual([
      "failed: probes have a source of this host's own, and no anycast one: " +
        "source.ipv4: expected an address of this host, got 198.18.0.99, which no device has",
      "proven: the driver none can be read, and could act: it moves nothing",
    ]);
  });

  test("each in lines for people", async (context) => {
    const host = await makeHost(context);
    host.writeConfig(configOf({ top: { source: { ipv4: "198.18.0.99" } } }));
    const child = spawnSelftest(host.namespace, host.configFile, [], []);
    const [out, [code]] = await Promise.all([text(child.stdout!), once(child, "close")]);
    expect(code).toBe(1);
    expect(out.split("\n")).toEqual([
      expect.stringMatching(/^✗ IPv4: probes have a source .* got 198\.18\.0\.99, which no device has$/),
      "    expected a unicast address of this host",
      "    correct source.ipv4; until then no IPv4 prefix is probed",
      `✓ ${anycast}: the driver none can be read, and could act: it moves nothing`,
      "1 proven, 0 doubtful, 1 failed",
      "",
    ]);
  });

  test("an address that is away, whose driver is at a device that lacks it", async (context) => {
    const host = await makeHost(context);
    await host.deleteAddress();
    const route = [{ address: { device: "lo", label: "lo:0" } }];
    const result = await selftest(host.namespace, configOf({ service: { route } }));
    expect(result.code).toBe(1);
    expect(of(result, "passes")).toMatchObject([{ state: "failed", got: "not local (3 of 3)" }]);
    expect(of(result, "driver")).toMatchObject([
      { state: "doubtful", got: "withdrawn: not on lo; announcing adds it" },
    ]);
    // The driver was only read: an anchor would deliver the address here.
    expect(await host.ip("route", "show", "table", "local", anycast)).toBe("");
  });

  test("a device that is not there, and an ospfd that does not run", async (context) => {
    const host = await makeHost(context);
    const sockets = "/nonexistent/frr";
    const route = [{ frr: { sockets } }, { address: { device: "eth9" } }];
    const guard = { others: 1, frr: sockets };
    const result = await selftest(host.namespace, configOf({ service: { route, guard } }));
    expect(words(of(result, "driver"))).toEqual([
      `failed: the driver frr can be read, and could act: no socket at ${sockets}/ospfd.vty: ospfd is not running, or its sockets are in another directory`,
      "failed: the driver address can be read, and could act: there is no device eth9",
    ]);
    expect(of(result, "guard")).toMatchObject([{ state: "failed" }]);
  });

  test("a rule that leads past the mark rule", async (context) => {
    const host = await makeHost(context);
    await host.ip("rule", "add", "pref", "0", "to", "198.18.0.0/24", "lookup", "main");
    const result = await selftest(host.namespace, configOf());
    expect(of(result, "unroutable")).toMatchObject([{ state: "failed", expected: "ENETUNREACH" }]);
    expect(of(result, "kept-in")).toMatchObject([{ state: "proven" }]);
  });

  test("a lack of privilege, without which it is less sure", async (context) => {
    const host = await makeHost(context);
    await host.answer();
    const route = [{ address: { device: "lo", label: "lo:0" } }];
    const wrapper = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"];
    const result = await selftest(host.namespace, configOf({ service: { route } }), wrapper);
    expect(result.code).toBe(0);
    expect(of(result, "mark-rule")).toMatchObject([{ state: "doubtful" }]);
    expect(of(result, "mark-rule")[0]!.got).toContain("EPERM (needs CAP_NET_ADMIN)");
    expect(of(result, "unroutable")).toEqual([]);
    expect(of(result, "kept-in")).toMatchObject([{ state: "doubtful" }]);
    expect(of(result, "driver")).toMatchObject([{ state: "doubtful" }]);
    expect(of(result, "rate")).toMatchObject([{ state: "proven" }]);
  });
});

describe.skipIf(skipWithoutLab())("the selftest of a host with a router", () => {
  test("names the line that announces the prefix, and who else does", async (context) => {
    const network = await Network.create({
      endpoints: 2,
      announce: "network",
      timers: "tuned",
      prefixes: [anycast],
      client: false,
    });
    context.onTestFinished(() => network.close());
    const { namespace, router } = network.endpoints[0]!;
    const server = await startUnbound({ namespace, identity: "e1", addresses: ["127.0.0.1", anycastAddress] });
    context.onTestFinished(() => server.stop());
    const service = { route: [{ frr: { sockets: router.sockets } }], guard: { others: 1, frr: router.sockets } };
    const result = await selftest(namespace, configOf({ service }));
    expect(words(result.proofs.filter(({ state }) => state !== "proven"))).toEqual([]);
    expect(of(result, "driver")[0]!.got).toBe(`announced; withdrawing writes \`no network ${anycast} area 0\``);
    expect(of(result, "guard")[0]!.got).toMatch(/^announced by [\d.]+ too$/);
    expect(await network.nextHops(anycast)).toHaveLength(2);
  }, 60_000);
});

describe("a stranger", () => {
  const at = (address: string, prefixLength: number) =>
    ({ family: address.includes(":") ? 6 : 4, address, prefixLength }) as Address;
  const nobodyElse = () => false;

  test.each([
    ["198.18.0.2", 24, "198.18.0.3"],
    ["198.18.0.1", 30, "198.18.0.2"],
    ["198.18.0.254", 24, "198.18.0.252"],
    ["198.18.0.4", 31, "198.18.0.5"],
    ["198.18.0.4", 32, "192.0.2.1"],
    ["2001:db8:1::2", 64, "2001:db8:1::3"],
    ["2001:db8:1::1", 64, "2001:db8:1::3"],
    ["2001:db8:1::1", 128, "2001:db8::1"],
  ])("of %s/%i is %s", (address, length, stranger) => {
    expect(strangerOf(at(address, length), nobodyElse)).toBe(stranger);
  });

  test("is none of this host's own addresses", () => {
    const own = new Set(["198.18.0.3", "198.18.0.1"]);
    expect(strangerOf(at("198.18.0.2", 30), (address) => own.has(address))).toBe("192.0.2.1");
  });
});

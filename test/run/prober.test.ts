// The prober with every kind of check beside each other, at real sockets of loopback and with real processes.
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { answer, healthAddress, healthName } from "../../src/demo/answerer.js";
import { listLocalRoutes } from "../../src/engine/netlink.js";
import type { Transition } from "../../src/health/check.js";
import type { Sample } from "../../src/health/objective.js";
import { prefixOf } from "../../src/route/prefix.js";
import type { Config } from "../../src/run/config.js";
import { readConfigText } from "../../src/run/config-file.js";
import { Locality } from "../../src/run/locality.js";
import type { PrefixCheck } from "../../src/run/prefix-check.js";
import { Prober } from "../../src/run/prober.js";
import { monotonicNs } from "../../src/units.js";
import { type Answerer, answerTo, type Handler, reply, startAnswerer } from "../support/answerer.js";
import { within } from "../support/daemon.js";
import { framed, startTcpAnswerer, type TcpAnswerer } from "../support/tcp-answerer.js";

const address = "127.0.0.53";
const manner = { mode: "normal", nsid: "e1" } as const;
const probers: Prober[] = [];
const servers: (Answerer | TcpAnswerer)[] = [];

afterEach(async () => {
  for (const prober of probers.splice(0)) prober.close();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** A config that was read as any is, but for its prefix: loopback cannot be announced. */
function configOf(checks: readonly object[]): Config {
  const service = { prefixes: ["203.0.113.53/32"], checks, route: ["none"] };
  const { config } = readConfigText(stringify({ services: { resolver: service } }), "prober.test.ts");
  return { ...config, services: config.services.map((one) => ({ ...one, prefixes: [prefixOf(address)] })) };
}

interface Watched {
  readonly prober: Prober;
  readonly samples: [PrefixCheck, Sample][];
  readonly transitions: [PrefixCheck, Transition][];
  check(name: string): PrefixCheck;
}

interface Circumstances {
  readonly earlier?: readonly PrefixCheck[];
  readonly source?: string;
  readonly locality?: Pick<Locality, "localSinceNs">;
}

function probe(config: Config, { earlier, source = "127.0.0.1", locality }: Circumstances = {}): Watched {
  const samples: Watched["samples"] = [];
  const transitions: Watched["transitions"] = [];
  const options = {
    source: { ipv4: source },
    mark: undefined,
    locality: locality ?? new Locality(listLocalRoutes),
    beforeJudging: () => {},
    onTransition: (check: PrefixCheck, transition: Transition) => void transitions.push([check, transition]),
    onSample: (check: PrefixCheck, sample: Sample) => void samples.push([check, sample]),
    onJudged: () => {},
  };
  const prober = new Prober(config, options, earlier);
  probers.push(prober);
  const check = (name: string) => prober.checks.find(({ config }) => config.name === name)!;
  return { prober, samples, transitions, check };
}

async function until(look: () => boolean, ms = 10_000): Promise<void> {
  if (!(await within(ms, async () => look() || undefined))) throw new Error(`not so within ${ms} ms`);
}

async function answerUdp(handler?: Handler): Promise<number> {
  const normal: Handler = (query, peer, socket) => reply(answer(query, manner)!, peer, socket);
  const server = await startAnswerer(handler ?? normal, address);
  servers.push(server);
  return server.port;
}

async function answerTcp(port = 0): Promise<number> {
  const server = await startTcpAnswerer((query, to) => to.write(framed(answer(query, manner)!)), address, port);
  servers.push(server);
  return server.port;
}

/** One check of each kind, so slow that only a burst or the fast interval explains what is seen soon. */
const slow = { interval: "30s", fast_interval: "100ms", rise: 2, stable_for: "0s" };

describe("the prober", () => {
  const kinds = (udp: number, tcp: number, program: string) => [
    { name: "udp", dns: { name: healthName, port: udp }, expect: { answers: [healthAddress], nsid: "e1" }, ...slow },
    {
      name: "tcp",
      dns: { name: healthName, port: tcp, transport: "tcp" },
      expect: { answers: [healthAddress], nsid: "e1" },
      ...slow,
    },
    { name: "label", dns: { name: healthName, port: udp, random_label: true }, expect: { rcode: "NXDOMAIN" }, ...slow },
    { name: "exec", exec: { command: [program] }, ...slow },
  ];

  it("asks every kind of check at its first beat, then fast, and believes what it hears", async () => {
    const config = configOf(kinds(await answerUdp(), await answerTcp(), "/bin/true"));
    // The engine and the prober spread first beats over the interval; here all are wanted soon.
    const { prober, check } = probe(config);
    for (const one of prober.checks) prober.ask(one);
    await until(() => prober.checks.every(({ check }) => check.state === "up"));
    expect(prober.judged).toBeGreaterThanOrEqual(8);
    for (const name of ["udp", "tcp", "label"]) expect(check(name).latency.summary().count, name).toBeGreaterThan(1);
    expect(check("exec").latency.summary().count).toBe(0);
  });

  it("finds a death of any kind by a burst that a hint starts", async () => {
    const config = configOf(kinds(await answerUdp(), await answerTcp(), "/bin/true"));
    const { prober } = probe(config);
    for (const one of prober.checks) prober.ask(one);
    await until(() => prober.checks.every(({ check }) => check.state === "up"));
    await Promise.all(servers.splice(0).map((server) => server.close()));
    for (const one of prober.checks) prober.confirm(one);
    const dns = prober.checks.filter(({ config }) => config.name !== "exec");
    await until(() => dns.every(({ check }) => check.state === "down"));
    expect(dns.map(({ last }) => last?.verdict)).toEqual([
      { kind: "fail", reason: "port unreachable" },
      { kind: "fail", reason: "connection refused" },
      { kind: "fail", reason: "port unreachable" },
    ]);
    await until(() => prober.checks.every(({ confirming }) => confirming === 0));
  });

  it("finds by one refused connection that a TCP service is dead", async () => {
    const config = configOf([
      {
        ...slow,
        name: "tcp",
        dns: { name: healthName, port: await answerTcp(), transport: "tcp" },
        fast_interval: "30s",
      },
    ]);
    const { prober, check } = probe(config);
    prober.ask(check("tcp"));
    await until(() => check("tcp").verdicts.pass > 1);
    await servers.splice(0)[0]!.close();
    prober.ask(check("tcp"));
    await until(() => check("tcp").check.state === "down");
  });

  it("goes on with the checks of an earlier one that are configured the same", async () => {
    const [udp, tcp] = [await answerUdp(), await answerTcp()];
    const checks = kinds(udp, tcp, "/bin/true").map((check) => ({ ...check, interval: "200ms" }));
    const { prober: earlier } = probe(configOf(checks));
    await until(() => earlier.checks.every(({ check }) => check.state === "up"));
    earlier.close();
    const passes = earlier.checks.map(({ verdicts }) => verdicts.pass);
    const changed = checks.map((check, i) => (i === 1 ? { ...check, timeout: "900ms" } : check));
    const { prober } = probe(configOf(changed), { earlier: earlier.checks });
    expect(prober.checks.map((check) => earlier.checks.includes(check))).toEqual([true, false, true, true]);
    expect(prober.checks.map(({ check }) => check.state)).toEqual(["up", "unknown", "up", "up"]);
    await until(() => prober.checks.every(({ verdicts }, i) => verdicts.pass > (i === 1 ? 1 : passes[i]!)));
    expect(prober.checks.map(({ verdicts }) => verdicts.fail)).toEqual([0, 0, 0, 0]);
  });

  it("tells of every DNS probe of a gate check what it measured, and of no other", async () => {
    const silent = await answerUdp(() => {});
    const udp = await answerUdp((query, peer, socket) => reply(answerTo(query, 2), peer, socket));
    const often = { interval: "100ms", timeout: "80ms" };
    const config = configOf([
      { name: "servfail", dns: { name: healthName, port: udp }, ...often },
      { name: "silent", dns: { name: healthName, port: silent }, ...often },
      {
        name: "label",
        dns: { name: healthName, port: udp, random_label: true },
        expect: { rcode: "SERVFAIL" },
        ...often,
      },
      { name: "tcp", dns: { name: healthName, port: await answerTcp(), transport: "tcp" }, ...often, timeout: "10s" },
      { name: "echo", udp: { port: udp, payload: "68656c6c6f20776f726c642e" }, ...often },
      { name: "exec", exec: { command: ["/bin/false"] }, ...often, timeout: "10s" },
      { name: "hung", exec: { command: ["/bin/sleep", "3607"] }, ...often },
      { name: "alert", dns: { name: healthName, port: udp }, role: "alert", ...often },
      { name: "objective", dns: { name: healthName, port: udp }, role: "objective", ...often },
    ]);
    const { prober, samples } = probe(config);
    await until(() => prober.checks.every(({ verdicts }) => verdicts.pass + verdicts.fail > 2));
    prober.close();
    const of = (name: string) => samples.filter(([{ config }]) => config.name === name).map(([, sample]) => sample);
    for (const { config, verdicts } of prober.checks) {
      const measured = ["servfail", "silent", "label", "tcp", "echo"].includes(config.name);
      expect(of(config.name), config.name).toHaveLength(measured ? verdicts.pass + verdicts.fail : 0);
    }
    const answered = { rttNs: expect.any(Number), sentNs: expect.any(Number) };
    expect(of("servfail")[0]).toEqual({ ...answered, rcode: 2 });
    expect(of("label")[0]).toEqual({ ...answered, rcode: 2 });
    expect(of("tcp")[0]).toEqual({ ...answered, rcode: 0 });
    expect(of("echo")[0]).toEqual({ ...answered, rcode: undefined });
    expect(of("silent")[0]).toEqual({ sentNs: expect.any(Number), rttNs: undefined, rcode: undefined });
  });

  it("takes no answer for this node's that came while the address was another's", async () => {
    const [udp, tcp] = [await answerUdp(), await answerTcp()];
    let sinceNs: number | undefined = monotonicNs() + 3600e9;
    const checks = kinds(udp, tcp, "/bin/true").map((check) => ({ ...check, interval: "100ms" }));
    const { prober } = probe(configOf(checks), { locality: { localSinceNs: () => sinceNs } });
    await until(() => prober.checks.every(({ verdicts }) => verdicts.unknown > 2));
    expect(prober.checks.map(({ last }) => last?.verdict)).toEqual(
      Array(4).fill({ kind: "unknown", reason: "not local" }),
    );
    sinceNs = 0;
    await until(() => prober.checks.every(({ check }) => check.state === "up"));
    sinceNs = undefined;
    // What is asked before is known to be another's; a program is not even begun, a connection not opened.
    await until(() => prober.checks.every(({ last }) => last?.verdict.kind === "unknown"));
    expect(prober.checks.map(({ verdicts }) => verdicts.fail)).toEqual([0, 0, 0, 0]);
  });

  it("takes a source address that is gone for its own trouble", async () => {
    const port = await answerTcp();
    const { prober, check } = probe(configOf([{ name: "tcp", dns: { name: healthName, port, transport: "tcp" } }]), {
      source: "192.0.2.1",
    });
    await until(() => check("tcp").last !== undefined);
    expect(check("tcp").last?.verdict).toEqual({ kind: "unknown", reason: "EADDRNOTAVAIL" });
    prober.close();
    // The engine opens a socket for each such probe, too.
    const labelled = { name: "label", dns: { name: healthName, port, random_label: true } };
    const other = probe(configOf([labelled]), { source: "192.0.2.1" });
    await until(() => other.check("label").last !== undefined);
    expect(other.check("label").last?.verdict).toEqual({ kind: "unknown", reason: "EADDRNOTAVAIL" });
  });

  it("leaves no process and asks nothing once it is closed", async () => {
    const [udp, tcp] = [await answerUdp(), await answerTcp()];
    const checks = kinds(udp, tcp, "/bin/true").map((check) => ({ ...check, interval: "100ms" }));
    checks[3] = { ...checks[3]!, exec: { command: ["/bin/sleep", "3608.25"] } } as (typeof checks)[3];
    const { prober } = probe(configOf(checks));
    await until(() => sleepers("3608.25") > 0 && prober.checks.slice(0, 3).every(({ last }) => last));
    for (const check of prober.checks) prober.confirm(check);
    prober.close();
    const judged = prober.judged;
    await until(() => sleepers("3608.25") === 0);
    for (const check of prober.checks) prober.confirm(check);
    await sleep(300);
    expect([prober.judged, sleepers("3608.25")]).toEqual([judged, 0]);
  });
});

describe("a random label", () => {
  it("is another one under the name each time, in bursts too, and makes no answer an old one", async () => {
    const names: string[] = [];
    const port = await answerUdp((query, peer, socket) => {
      names.push(query.subarray(13, 13 + query[12]!).toString("latin1"));
      reply(wildcard(query), peer, socket);
    });
    const check = {
      dns: { name: healthName, port, random_label: true },
      expect: { answers: [healthAddress] },
      interval: "50ms",
      stable_for: "0s",
    };
    const { prober } = probe(configOf([check]));
    await until(() => prober.checks[0]!.check.state === "up");
    prober.confirm(prober.checks[0]!);
    await until(() => names.length >= 10);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^anyprobe-[0-9a-f]{12}$/);
    expect(prober.checks[0]!.verdicts.fail).toBe(0);
  });
});

/** How many processes sleep for so long. */
function sleepers(seconds: string): number {
  return readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, "latin1").includes(seconds);
    } catch {
      return false;
    }
  }).length;
}

/** What a server with a wildcard record answers. */
function wildcard(query: Buffer): Buffer {
  let end = 12;
  while (query[end] !== 0) end += query[end]! + 1;
  const header = answerTo(query).subarray(0, 12);
  header.writeUInt16BE(1, 6);
  header.writeUInt16BE(0, 10);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...healthAddress.split(".").map(Number)]);
  return Buffer.concat([header, query.subarray(12, end + 5), record]);
}

import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.js";
import { configFromFlags, type Flags, printConfig, readConfigFile, readConfigText } from "../../src/run/config-file.js";
import { percentage, writeDuration, writePercentage } from "../../src/run/config-scalar.js";
import { parseDurationMs } from "../../src/units.js";

const folder = fileURLToPath(new URL("config/", import.meta.url));
const good = readdirSync(folder).filter((file) => file.startsWith("good-"));

describe("a good config file", () => {
  it("may say little: the rest is at its default", async () => {
    const { config, warnings } = await readConfigFile(`${folder}good-small.yaml`);
    expect(warnings).toEqual([]);
    expect(config).toEqual({
      source: { ipv4: "auto", ipv6: "auto" },
      control: "/run/anyprobe/anyprobe.sock",
      state: "/var/lib/anyprobe/state.json",
      logLevel: "info",
      hints: true,
      minGapMs: 1100,
      announceGapMs: 10_000,
      services: [
        {
          name: "resolver",
          prefixes: ["203.0.113.53/32"],
          checks: [
            {
              name: "dns health.example.com/A",
              port: 53,
              query: {
                name: "health.example.com",
                type: "A",
                class: "IN",
                rd: true,
                do: false,
                ednsSize: 1232,
                nsid: false,
                transport: "udp",
                randomLabel: false,
              },
              expect: { rcode: "NOERROR" },
              role: "gate",
              intervalMs: 1000,
              fastIntervalMs: 200,
              timeoutMs: 1000,
              rise: 3,
              fall: 3,
              stableForMs: 10_000,
              confirm: { probes: 3, intervalMs: 1, forMs: 0 },
            },
          ],
          require: "all",
          route: [{ driver: "address", device: "lo", label: undefined, recovery: "anchor", alias: [], leaseMs: 0 }],
          objective: undefined,
          damping: { holdDownMs: 10_000, maxMs: 3_600_000, forgetMs: 3_600_000 },
          guard: { others: 1, written: false, router: { kind: "frr", sockets: "/run/frr" } },
          initial: "adopt",
          drainMs: 30_000,
          onExit: "keep",
          whenUnknown: "hold",
          respectManual: true,
        },
      ],
    });
  });

  it("may say everything", async () => {
    const { config } = await readConfigFile(`${folder}good-whole.yaml`);
    const [service] = config.services;
    expect(config.source).toEqual({ ipv4: "192.0.2.1", ipv6: "2001:db8::1" });
    expect(config.minGapMs).toBe(0);
    expect(config).toMatchObject({
      listen: { address: "192.0.2.1", port: 9353 },
      tokenFile: "/etc/anyprobe/token",
      textfile: "/tmp/anyprobe.prom",
    });
    expect(service?.require).toEqual({ atLeast: 2 });
    expect(service?.checks.map(({ name }) => name)).toEqual(["answers", "dns id.server/TXT/CH", "udp 7"]);
    expect(service?.checks[0]?.query).toMatchObject({ name: "health.example.com", nsid: true, rd: false, do: true });
    expect(service?.checks[2]?.query).toEqual({ payload: new Uint8Array(Buffer.from("hello")), idAt: 2 });
    expect(service?.checks[2]?.expect).toEqual({
      reply: { bytes: Uint8Array.of(0x68, 0x65), mask: Uint8Array.of(0xff, 0xdf) },
    });
    expect(service?.route).toEqual([
      { driver: "frr", sockets: "/run/quagga" },
      {
        driver: "address",
        device: "lo",
        label: "lo:0",
        recovery: "alias",
        alias: ["192.0.2.7"],
        leaseMs: 15_000,
      },
    ]);
    expect(config.services[1]?.route).toMatchObject([{ recovery: "alias", alias: ["2001:db8::7"] }]);
  });

  it("may say everything of how a service is treated", async () => {
    const { config, warnings } = await readConfigFile(`${folder}good-whole.yaml`);
    const [service] = config.services;
    expect(warnings).toEqual([]);
    expect(config.announceGapMs).toBe(1500);
    expect(service).toMatchObject({
      objective: {
        latency: [
          { percentile: 50, limitNs: 5e6 },
          { percentile: 99.9, limitNs: 800e6 },
        ],
        loss: 0.005,
        windowNs: 1200e9,
        fastWindowNs: 60e9,
        fastBurn: 14.4,
        minSamples: 30,
        onBreach: "withdraw",
      },
      damping: { holdDownMs: 5000, maxMs: 40_000, forgetMs: 60_000 },
      guard: { others: 2, written: true, router: { kind: "frr", sockets: "/run/frr-inside" } },
      initial: "prove",
      drainMs: 60_000,
    });
    expect(service?.objective?.rcodes).toEqual(
      new Map([
        [2, 0.07],
        [5, 0],
      ]),
    );
  });

  it("has a guard that reads where the router is, and none where there is nothing to guard", async () => {
    const { config } = await readConfigFile(`${folder}good-policy.yaml`);
    expect(config.services.map(({ guard }) => guard)).toEqual([
      { others: 1, written: true, router: { kind: "bird", socket: "/run/bird/bird.ctl" } },
      { others: 1, written: false, router: { kind: "frr", sockets: "/run/quagga" } },
      { others: 1, written: false, router: { kind: "frr", sockets: "/run/frr" } },
      undefined,
      { others: 1, written: false, router: { kind: "bird", socket: "/run/bird-inside.ctl" } },
    ]);
    expect(config.services.map(({ damping }) => damping?.holdDownMs)).toEqual([
      10_000,
      undefined,
      10_000,
      10_000,
      10_000,
    ]);
    expect(config.services.at(-1)?.route).toEqual([
      {
        driver: "bird",
        socket: "/run/bird-inside.ctl",
        ipv4: { file: "/etc/bird.d/anycast-prefixes.conf", constant: "ACAST_PS_ADVERTISE", dummy: "10.189.200.255/32" },
        ipv6: { protocol: "anycast6" },
      },
    ]);
  });

  it.each([
    ["100ms", "30s", 3],
    ["1s", "30s", 21],
    ["1s", "10m", 60],
    ["1s, timeout: 100ms", "30s", 20.1],
    ["1s, timeout: 100ms", "20.5s", 20.1],
  ])("at an interval of %s and a window of %s has a fast_window of %f s", (interval, window, seconds) => {
    const text = `services: {a: {prefixes: [192.0.2.1/32], checks: [{dns: {name: x.example}, interval: ${interval}}], route: [none],
      objective: {loss: 10%, window: ${window}}}}`;
    expect(readConfigText(text, "x").config.services[0]?.objective?.fastWindowNs).toBe(seconds * 1e9);
  });

  it("may ask over TCP, under a random label, and by a program", async () => {
    const { config } = await readConfigFile(`${folder}good-checks.yaml`);
    const [{ checks, require }] = config.services as [(typeof config.services)[number]];
    expect(require).toEqual({ percent: 50 });
    expect(checks.map(({ name, role, port }) => [name, role, port])).toEqual([
      ["dns health.example.com/A", "gate", 53],
      ["dns health.example.com/A over tcp", "gate", 53],
      ["dns *.wild.example.com/A", "gate", 53],
      ["dns *./SOA over tcp", "gate", 53],
      ["exec check_dig", "gate", undefined],
      ["dns example.com/SOA", "objective", 53],
      ["exec check_load", "alert", undefined],
    ]);
    const command = ["/usr/lib/nagios/plugins/check_dig", "-l", "health.example.com"];
    expect(checks[1]).toMatchObject({ intervalMs: 10, fastIntervalMs: 10, query: { transport: "tcp" } });
    expect(checks[2]?.query).toMatchObject({ name: "wild.example.com", transport: "udp", randomLabel: true });
    expect(checks[4]).toMatchObject({ query: { command, warning: "pass" }, expect: {} });
    expect(checks[5]?.expect).toEqual({ rcode: "NOERROR", serial: 2026112301 });
    expect(checks[6]?.query).toMatchObject({ warning: "fail" });
  });

  it("is warned of where it is legal but unwise", async () => {
    const { warnings } = await readConfigFile(`${folder}good-shared.yaml`);
    expect(warnings[0]).toEqual({
      path: "services.resolver.route[1].address.lease",
      line: 6,
      column: 43,
      message: "a lease below 10s takes the route down when this host is busy, got 5s",
    });
  });

  it("is warned of bounds that a single probe breaks, and of a guard that has nothing to do", async () => {
    const { warnings } = await readConfigFile(`${folder}good-policy.yaml`);
    const one = (span: string) =>
      `one bad probe of the 29 in 30s breaks it; a window of ${span}, or asking more often, allows one`;
    expect(warnings.map(({ line, path, message }) => [line, path, message])).toEqual([
      [7, "services.beside-bird.objective.latency.p99", one("101s")],
      [7, "services.beside-bird.objective.loss", one("101s")],
      [7, "services.beside-bird.objective.rcodes", one("51s")],
      [22, "services.watched.guard", "the driver none withdraws nothing, so there is nothing to guard"],
    ]);
  });

  it.each(good)("%s prints as YAML that reads as the same config", async (file) => {
    const { config } = await readConfigFile(folder + file);
    expect(readConfigText(printConfig(config), file).config).toEqual(config);
  });

  it("prints a guard that nobody wrote down as a comment, so that reading it again is not writing it down", async () => {
    const { config } = await readConfigFile(`${folder}good-policy.yaml`);
    const printed = printConfig(config).split("\n");
    expect(printed.filter((line) => line.includes("guard:"))).toEqual([
      "    guard:",
      '    # guard: {others: 1, frr: "/run/quagga"} (not written)',
      '    # guard: {others: 1, frr: "/run/frr"} (not written)',
      "    guard: none",
      '    # guard: {others: 1, bird: "/run/bird-inside.ctl"} (not written)',
    ]);
  });

  it("cannot be changed after it was read", async () => {
    const { config } = await readConfigFile(`${folder}good-small.yaml`);
    expect(() => Object.assign(config.services[0]!.checks[0]!.confirm, { probes: 9 })).toThrow(TypeError);
  });

  it("has a fast_interval that follows an interval shorter than its default", () => {
    const text =
      "services: {a: {prefixes: [192.0.2.1/32], checks: [{dns: {name: x.example}, interval: 50ms}], route: [none]}}";
    expect(readConfigText(text, "x").config.services[0]?.checks[0]?.fastIntervalMs).toBe(50);
  });
});

describe("a config from flags", () => {
  const flags: Flags = { anycast: ["203.0.113.53"], query: ["health.example.com/AAAA"] };

  it("is the config that a file with the same meaning gives", () => {
    const text = `
services:
  anycast:
    prefixes: [203.0.113.53/32]
    checks: [{ dns: { name: health.example.com, type: AAAA, port: 5353 }, interval: 500ms, fall: 2 }]
    route: [frr, { address: { label: "lo:0", lease: 20s } }]
    guard: { others: 2 }
    damping: { hold_down: 30s }
announce_gap: 5s`;
    const policy = { guard: "2", damping: "30s", announceGap: "5s" };
    const typed: Flags = {
      ...policy,
      ...flags,
      port: "5353",
      interval: "500ms",
      fall: "2",
      label: "lo:0",
      lease: "20s",
    };
    const { config } = configFromFlags({ ...typed, driver: ["frr", "address"] });
    expect(config).toEqual(readConfigText(text, "x").config);
  });

  it("has no guard and no damping where it says none", () => {
    const { config } = configFromFlags({ ...flags, guard: "none", damping: "none" });
    expect(config.services[0]).toMatchObject({ guard: undefined, damping: undefined });
  });

  it("prints as YAML that reads as the same config", () => {
    const { config } = configFromFlags({ ...flags, hints: false, minGap: "0s" });
    expect(readConfigText(printConfig(config), "x").config).toEqual(config);
  });

  it.each<[Partial<Flags>, string]>([
    [{ interval: "500" }, '--interval: expected a duration like 250ms, got "500" (write 500s, or another unit)'],
    [
      { fall: "0" },
      "--fall: expected a whole number from 1 to 1000, got 0 (1 brings a check down at its first failure)",
    ],
    [{ rise: "two" }, '--rise: expected a whole number from 1 to 1000, got "two"'],
    [
      { query: ["health.example.com/AAA"] },
      '--query: expected a DNS record type like A, TXT or TYPE65280, got "AAA" (did you mean AAAA?)',
    ],
    [{ query: [] }, "--query: expected at least one check, got an empty list"],
    [
      { anycast: ["203.0.113.0/24"] },
      '--anycast: expected a host prefix like 203.0.113.53/32 or 2001:db8::53/128, got "203.0.113.0/24" (anyprobe moves host routes only)',
    ],
    [{ driver: ["ospf"] }, '--driver: expected frr, bird, exec, address, ifupdown or none, got "ospf"'],
    [{ port: "0" }, "--port: expected a whole number from 1 to 65535, got 0"],
    [{ expectAnswer: ["198.51.100.80"] }, '--expect-answer: expected an IPv6 address, got "198.51.100.80"'],
    [{ label: "eth0" }, '--label: expected a label that begins with lo, got "eth0"'],
    [
      { anycast: ["2001:db8::53"] },
      "--recovery: expected recovery to be written out (anchor, alias or manual) because of 2001:db8::53/128, got nothing",
    ],
    [{ guard: "some" }, '--guard: expected a whole number from 1 to 1000, got "some"'],
    [{ damping: "1" }, '--damping: expected a duration like 250ms, got "1" (write 1s, or another unit)'],
    [{ damping: "2h" }, "--damping: expected at least hold_down (2h), got 1h"],
    [{ announceGap: "2h" }, "--announce-gap: expected a duration from 0s to 1h, got 2h"],
    [{ minGap: "5m" }, "--min-gap: expected a duration from 0s to 1m, got 5m"],
    [
      { source: "203.0.113.53" },
      '--source: expected an address of this host alone, got "203.0.113.53", which is one of the anycast addresses',
    ],
  ])("%o is refused with the option's name", (wrong, message) => {
    expect(() => configFromFlags({ ...flags, ...wrong })).toThrow(
      expect.objectContaining({ code: "ERR_CONFIG_INVALID", message }),
    );
  });
});

describe("the reader", () => {
  it("answers any text with a config or a ConfigError, never with another exception", () => {
    const piece = fc.constantFrom(
      ..."services:|\n|  |- |{|}|[|]|*a|&a |? |: |prefixes|checks|route|dns|expect|203.0.113.53/32|1s|null|\"|'|#|!!|<<|\t|%|__proto__".split(
        "|",
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        try {
          readConfigText(pieces.join(""), "x");
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("answers any tree under a service with a config or a ConfigError", () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom("prefixes", "checks", "route", "require", "objective", "damping", "guard", "initial", "x"),
          fc.jsonValue(),
        ),
        (service) => {
          try {
            readConfigText(JSON.stringify({ services: { a: service } }), "x");
          } catch (error) {
            if (!(error instanceof ConfigError)) throw error;
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("reads every percentage that it writes as the same number", () => {
    const text = fc.tuple(fc.nat(99), fc.nat(999_999)).map(([whole, rest]) => `${whole}.${rest}%`);
    fc.assert(
      fc.property(text, (written) => {
        const fraction = percentage.parse(written);
        return percentage.parse(writePercentage(fraction)) === fraction;
      }),
    );
    expect(["0%", "0.5%", "7%", "99.9%"].map((written) => percentage.parse(written))).toEqual([0, 0.005, 0.07, 0.999]);
  });

  it("reads every duration that it writes as the same number", () => {
    const ms = fc.oneof(
      fc.nat(90_000_000),
      fc.nat(90_000_000).map((us) => us / 1000),
    );
    fc.assert(fc.property(ms, (value) => parseDurationMs(writeDuration(value)) === value));
    expect([0, 0.05, 1.5, 200, 1000, 1100, 1500, 60_000, 5_400_000].map(writeDuration)).toEqual([
      "0s",
      "50us",
      "1.5ms",
      "200ms",
      "1s",
      "1.1s",
      "1.5s",
      "1m",
      "1.5h",
    ]);
  });
});

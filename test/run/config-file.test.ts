import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.js";
import { configFromFlags, type Flags, printConfig, readConfigFile, readConfigText } from "../../src/run/config-file.js";
import { writeDuration } from "../../src/run/config-scalar.js";
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

  it("is warned of where it is legal but unwise", async () => {
    const { warnings } = await readConfigFile(`${folder}good-shared.yaml`);
    expect(warnings[0]).toEqual({
      path: "services.resolver.route[1].address.lease",
      line: 6,
      column: 43,
      message: "a lease below 10s takes the route down when this host is busy, got 5s",
    });
  });

  it.each(good)("%s prints as YAML that reads as the same config", async (file) => {
    const { config } = await readConfigFile(folder + file);
    expect(readConfigText(printConfig(config), file).config).toEqual(config);
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
    route: [frr, { address: { label: "lo:0", lease: 20s } }]`;
    const typed: Flags = { ...flags, port: "5353", interval: "500ms", fall: "2", label: "lo:0", lease: "20s" };
    const { config } = configFromFlags({ ...typed, driver: ["frr", "address"] });
    expect(config).toEqual(readConfigText(text, "x").config);
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
    [{ driver: ["ospf"] }, '--driver: expected frr, address or none, got "ospf"'],
    [{ port: "0" }, "--port: expected a whole number from 1 to 65535, got 0"],
    [{ expectAnswer: ["198.51.100.80"] }, '--expect-answer: expected an IPv6 address, got "198.51.100.80"'],
    [{ label: "eth0" }, '--label: expected a label that begins with lo, got "eth0"'],
    [
      { anycast: ["2001:db8::53"] },
      "--recovery: expected recovery to be written out (anchor, alias or manual) because of 2001:db8::53/128, got nothing",
    ],
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
        fc.dictionary(fc.constantFrom("prefixes", "checks", "route", "require", "x"), fc.jsonValue()),
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

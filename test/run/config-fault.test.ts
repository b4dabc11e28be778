// Every fault has a file under config/ that has it and nothing else, and its exact message here.
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.js";
import { readConfigFile, readConfigText } from "../../src/run/config-file.js";

const folder = new URL("config/", import.meta.url);

async function failureOf(name: string): Promise<ConfigError> {
  const text = await readFile(new URL(`${name}.yaml`, folder), "utf8");
  try {
    readConfigText(text, `${name}.yaml`);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error(`${name}.yaml: expected a ConfigError, got a config`);
}

/** What follows `NAME.yaml:` on each line of the message. */
const syntax: Readonly<Record<string, string>> = {
  "alias-bomb":
    "1:1: expected aliases within reason, got an error: Excessive alias count indicates a resource exhaustion attack",
  "duplicate-key": "7:5: expected each key once, got route again",
  empty: "1:1: expected a mapping with services, got an empty file",
  list: "1:1: expected a mapping with services, got a list",
  "odd-key": "2:5: expected a plain word as key, got something else",
  tab: "3:1: expected spaces as indentation, got a tab",
  tag: "3:15: expected no tags, got one that is unknown",
  "two-documents": "7:1: expected one document, got a second",
  unclosed:
    "3:1: expected valid YAML, got an error: Flow map in block collection must be sufficiently indented and end with a }",
  "unresolved-alias": "6:12: expected an alias of an anchor above, got *usual",
};

const invalid: Readonly<Record<string, string>> = {
  "alias-anycast":
    "7:45 services.resolver.route[0].address.alias[0]: expected a unicast address of this host, got 203.0.113.53, which is anycast",
  "alias-family":
    "7:56 services.resolver.route[0].address.alias[1]: expected the family of a prefix, got 2001:db8::7 (IPv6)",
  "alias-missing":
    "7:9 services.resolver.route[0].address.alias: expected an IPv4 address that the server listens on too, got none",
  "alias-without-recovery":
    "7:20 services.resolver.route[0].address.alias: expected only with recovery: alias, got it without",
  "anchor-true": "7:20 services.resolver.route[0].address.anchor: unknown key (say recovery: anchor)",
  "announce-gap": "1:15 announce_gap: expected a duration from 0s to 1h, got 2h",
  "answer-family": '6:29 services.resolver.checks[0].expect.answers[0]: expected an IPv6 address, got "198.51.100.80"',
  "at-least": "7:26 services.resolver.require.at_least: expected at most the number of gate checks (1), got 2",
  "bird-dummy-anycast":
    "7:32 services.resolver.route[0].bird.ipv4.dummy: expected a prefix that nobody uses, got 203.0.113.53/32, which is anycast",
  "bird-dummy-family":
    "7:32 services.resolver.route[0].bird.ipv6.dummy: expected an IPv6 prefix, got 10.189.200.255/32",
  "bird-name":
    '7:35 services.resolver.route[0].bird.ipv4.protocol: expected a name of letters, digits and _, as BIRD has them, got "feed; down"',
  "bird-protocol-and-file": "7:25 services.resolver.route[0].bird.ipv4.protocol: expected protocol or file, got both",
  "bird-protocol-beside-file":
    "7:25 services.resolver.route[0].bird.ipv4.protocol: expected a protocol for both families or for none, got one beside a file",
  "check-given-name-twice":
    '6:17 services.resolver.checks[1].name: expected check names that differ, got "answers" again',
  "check-name-twice":
    '6:9 services.resolver.checks[1]: expected check names that differ, got "dns health.example.com/A" again (give it a name)',
  "control-path": '1:10 control: expected an absolute path of at most 107 octets, got "anyprobe.sock"',
  "damping-max": "8:36 services.resolver.damping.max: expected at least hold_down (1m), got 30s",
  "damping-word":
    '8:14 services.resolver.damping: expected none or a mapping with hold_down, max and forget, got "off"',
  "dns-and-udp": "5:9 services.resolver.checks[0]: expected one of dns, udp and exec, got dns and udp",
  "dns-with-reply": "6:19 services.resolver.checks[0].expect.reply: expected under a udp check only",
  "drain-number": "8:12 services.resolver.drain: expected a duration like 250ms, got 30 (write 30s, or another unit)",
  "driver-twice": "6:22 services.resolver.route[1]: expected each driver once, got address again",
  "duration-out-of-range": "6:19 services.resolver.checks[0].interval: expected a duration from 1ms to 1h, got 0s",
  "duration-without-unit": [
    "6:19 services.resolver.checks[0].interval: expected a duration like 250ms, got 1000 (write 1000s, or another unit)",
    'duration-without-unit.yaml:7:18 services.resolver.checks[0].timeout: expected a duration like 250ms, got "500" (write 500s, or another unit)',
  ].join("\n"),
  "edns-size": "5:53 services.resolver.checks[0].dns.edns_size: expected 0 or a size from 512 to 65535, got 100",
  "empty-driver": "7:13 services.resolver.route[0].frr: expected a mapping, got nothing",
  "empty-label":
    '5:22 services.resolver.checks[0].dns.name: expected a domain name, got "health..example.com" (a label is empty)',
  "exec-and-udp": "5:9 services.resolver.checks[0]: expected one of dns, udp and exec, got udp and exec",
  "exec-empty": "5:26 services.resolver.checks[0].exec.command: expected at least one argument, got an empty list",
  "exec-fast-interval":
    "6:24 services.resolver.checks[0].fast_interval: expected at least 100ms for an exec check, got 99ms",
  "exec-interval": "6:19 services.resolver.checks[0].interval: expected at least 100ms for an exec check, got 50ms",
  "exec-number":
    "5:66 services.resolver.checks[0].exec.command[2]: expected an argument of 1 to 1024 characters, got 53 (put it in quotes)",
  "exec-relative":
    '5:27 services.resolver.checks[0].exec.command[0]: expected the absolute path of a program, got "check_dig"',
  "exec-text":
    '5:26 services.resolver.checks[0].exec.command: expected a list of arguments, got "/usr/lib/nagios/plugins/check_dig" (write [/usr/lib/nagios/plugins/check_dig])',
  "exec-warning": '5:72 services.resolver.checks[0].exec.warning: expected pass or fail, got "unknown"',
  "exec-with-rcode": [
    "6:19 services.resolver.checks[0].expect.rcode: expected under a dns check only",
    "exec-with-rcode.yaml:6:35 services.resolver.checks[0].expect.max_rtt: expected under a dns or udp check only",
  ].join("\n"),
  "fall-fraction": "6:15 services.resolver.checks[0].fall: expected a whole number from 1 to 1000, got 2.5",
  "fall-zero":
    "6:15 services.resolver.checks[0].fall: expected a whole number from 1 to 1000, got 0 (1 brings a check down at its first failure)",
  "fast-interval-over-interval":
    "7:24 services.resolver.checks[0].fast_interval: expected at most interval (100ms), got 200ms",
  "foreign-name":
    '5:22 services.resolver.checks[0].dns.name: expected a domain name, got "bücher.example" (write it in ASCII, as xn--…)',
  "guard-number": "8:12 services.resolver.guard: expected none or {others: N}, got 2 (write {others: 2})",
  "guard-of-two-routers": "8:12 services.resolver.guard: expected one of frr and bird, got both",
  "guard-path": '8:20 services.resolver.guard.bird: expected an absolute path of at most 107 octets, got "bird.ctl"',
  "hex-number":
    "5:34 services.resolver.checks[0].udp.payload: expected octets in hex, two digits each, got 6865 (put it in quotes)",
  "id-beyond-payload":
    "5:51 services.resolver.checks[0].udp.id_at: expected two octets of room in the payload of 3, got 2",
  "initial-word": '8:14 services.resolver.initial: expected adopt or prove, got "withdrawn"',
  "label-long":
    '7:27 services.resolver.route[0].address.label: expected a label of 1 to 15 characters, got "lo:anycast-resolver"',
  "label-of-other-device":
    '7:39 services.resolver.route[0].address.label: expected a label that begins with lo, got "eth0:1"',
  "lease-below-round":
    "8:27 services.resolver.route[0].address.lease: expected more than interval and timeout of each gate check (11s), got 11s",
  "lease-short": "7:27 services.resolver.route[0].address.lease: expected 0s or whole seconds from 1s, got 500ms",
  "long-label":
    '5:22 services.resolver.checks[0].dns.name: expected a domain name, got "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.com" (a label has 64 octets, at most 63 fit)',
  "long-name":
    '5:22 services.resolver.checks[0].dns.name: expected a domain name, got "abcdefghijklmno.abcdefghijklmno.abcdefghijklmno.abcdefghijklmno.abcdefghijklmno…" (it has 257 octets on the wire, at most 255 fit)',
  "mask-length":
    "6:40 services.resolver.checks[0].expect.mask: expected a mask as long as reply (2 octets), got 1 octets",
  "mask-without-reply": "6:25 services.resolver.checks[0].expect.mask: expected a reply with the mask, got none",
  "max-rtt-over-timeout": "6:28 services.resolver.checks[0].expect.max_rtt: expected at most timeout (1s), got 2s",
  "merge-key": '6:9 services.resolver.checks[0]."<<": unknown key (merge keys are not read; write the keys out)',
  "min-answers":
    "6:58 services.resolver.checks[0].expect.min_answers: expected at most the number of answers (1), got 2",
  "min-gap": "1:10 min_gap: expected a duration from 0s to 1m, got 2h",
  "listen-everywhere": '1:9 listen: expected a loopback address, as there is no token_file, got "0.0.0.0:9353"',
  "listen-port": '1:9 listen: expected an address and a port like 127.0.0.1:9353 or [::1]:9353, got "9353"',
  "textfile-name": '1:11 textfile: expected a path that ends in .prom, got "/tmp/anyprobe.txt"',
  "misplaced-key": "7:5 services.resolver.interval: unknown key here (it belongs at services.*.checks[].interval)",
  "missing-checks": "2:3 services.resolver.checks: expected a list of checks, got nothing",
  "misspelt-key": "6:9 services.resolver.checks[0].intervall: unknown key (did you mean interval?)",
  "misspelt-top": "1:1 log-level: unknown key (did you mean log_level?)",
  "neither-dns-nor-udp": "5:9 services.resolver.checks[0]: expected one of dns, udp and exec, got none",
  "no-gate":
    "5:7 services.resolver.checks: expected at least one check with role gate, got none (nothing would decide)",
  "no-services": "1:1 services: expected a mapping of services by name, got nothing",
  "none-beside": "6:18 services.resolver.route[1]: expected none to stand alone, got it beside another driver",
  "nsid-without-edns":
    "5:53 services.resolver.checks[0].dns.edns_size: expected 512 to 65535, got 0 (expect.nsid needs EDNS)",
  "objective-alone":
    "5:7 services.resolver.checks: expected at least one check with role gate, got none (nothing would decide)",
  "objective-empty": "8:16 services.resolver.objective: expected latency, loss or rcodes in it, got none of them",
  "objective-fast-burn": "8:39 services.resolver.objective.fast_burn: expected a number from 2 to 1000, got 1",
  "objective-fast-window": "8:41 services.resolver.objective.fast_window: expected at most window (30s), got 1m",
  "objective-fast-window-short":
    "8:41 services.resolver.objective.fast_window: expected room for min_samples (20), got 2s, which holds 10 probes (write 3s, or ask more often)",
  "objective-key": "8:18 services.resolver.objective.p99: unknown key (say latency: {p99: 20ms})",
  "objective-latency-over-timeout":
    "8:34 services.resolver.objective.latency.p99: expected at most the timeout of the gate checks (1s), got 2s",
  "objective-loss-all":
    '8:24 services.resolver.objective.loss: expected a percentage like 0.5%, below 100%, got "100%"',
  "objective-loss-number":
    "8:24 services.resolver.objective.loss: expected a percentage like 0.5%, below 100%, got 0.5 (write 0.5%)",
  "objective-no-percentile":
    "8:27 services.resolver.objective.latency: expected a mapping with percentiles like p50 or p99.9, got an empty mapping",
  "objective-of-exec":
    "7:16 services.resolver.objective: expected a gate check over dns or udp to measure by, got none",
  "objective-on-breach":
    '8:39 services.resolver.objective.on_breach: expected deprefer or withdraw, got "depreffer" (did you mean deprefer?)',
  "objective-percentile":
    '8:35 services.resolver.objective.latency.p101: expected percentiles like p50 or p99.9, got "p101"',
  "objective-percentile-number":
    '8:33 services.resolver.objective.latency.99: expected percentiles like p50 or p99.9, got "99" (write p99)',
  "objective-percentiles-many": "8:27 services.resolver.objective.latency: expected at most 10 percentiles, got more",
  "objective-rcode":
    '8:38 services.resolver.objective.rcodes.SERVFIAL: expected rcodes like SERVFAIL or REFUSED, got "SERVFIAL" (did you mean SERVFAIL?)',
  "objective-rcodes-of-udp":
    "7:18 services.resolver.objective.rcodes: expected a gate check over dns with it, got none",
  "objective-window-long":
    "8:36 services.resolver.objective.window: expected at most 131072 probes in it, got 24h, which may hold 864000 (shorten it, or ask less often)",
  "objective-window-short":
    "8:36 services.resolver.objective.window: expected room for min_samples (20), got 2s, which holds 10 probes (write 3s, or ask more often)",
  "odd-hex":
    '5:34 services.resolver.checks[0].udp.payload: expected octets in hex, two digits each, got "68656" (it has an odd number of digits)',
  "on-exit": '7:14 services.resolver.on_exit: expected keep or withdraw, got "kep" (did you mean keep?)',
  "percent-and-at-least": "7:14 services.resolver.require: expected one of at_least and percent, got both",
  "percent-zero": "7:25 services.resolver.require.percent: expected a whole number from 1 to 100, got 0",
  "prefix-loopback": [
    '3:16 services.resolver.prefixes[0]: expected a host prefix like 203.0.113.53/32 or 2001:db8::53/128, got "127.0.0.1/32" (it is a loopback address)',
    'prefix-loopback.yaml:3:30 services.resolver.prefixes[1]: expected a host prefix like 203.0.113.53/32 or 2001:db8::53/128, got "::1/128" (it is a loopback address)',
  ].join("\n"),
  "prefix-mapped":
    '3:16 services.resolver.prefixes[0]: expected a host prefix like 203.0.113.53/32 or 2001:db8::53/128, got "::ffff:203.0.113.53/128" (it is an IPv4 address in IPv6: write it as IPv4)',
  "prefix-multicast":
    '3:16 services.resolver.prefixes[0]: expected a host prefix like 203.0.113.53/32 or 2001:db8::53/128, got "224.0.0.5/32" (it is no unicast address)',
  "prefix-no-address":
    '3:16 services.resolver.prefixes[0]: expected a host prefix like 203.0.113.53/32 or 2001:db8::53/128, got "203.0.113.553/32"',
  "prefix-no-list":
    '3:15 services.resolver.prefixes: expected a list of prefixes, got "203.0.113.53/32" (write [203.0.113.53/32])',
  "prefix-twice": "3:36 services.resolver.prefixes[1]: expected each prefix once, got 2001:db8::53/128 again",
  "prefix-wide":
    '3:16 services.resolver.prefixes[0]: expected a host prefix like 203.0.113.53/32 or 2001:db8::53/128, got "203.0.113.0/24" (anyprobe moves host routes only)',
  "prefix-without-mask":
    '3:16 services.resolver.prefixes[0]: expected a host prefix like 203.0.113.53/32 or 2001:db8::53/128, got "203.0.113.53" (write 203.0.113.53/32)',
  "random-label-interval":
    "6:19 services.resolver.checks[0].interval: expected at least 10ms for a random label, got 5ms",
  "random-label-room":
    "5:22 services.resolver.checks[0].dns.name: expected at most 233 octets on the wire beside a random label, got 237",
  "recovery-unwritten":
    "6:13 services.resolver.route[0].address.recovery: expected recovery to be written out (anchor, alias or manual) because of 2001:db8::53/128, got nothing",
  "require-empty": "7:14 services.resolver.require: expected one of at_least and percent, got neither",
  "require-word":
    '7:14 services.resolver.require: expected all, any, {at_least: N} or {percent: N}, got "al" (did you mean all?)',
  "rise-zero":
    "6:15 services.resolver.checks[0].rise: expected a whole number from 1 to 1000, got 0 (1 brings a check up at its first pass)",
  "role-word":
    '6:15 services.resolver.checks[0].role: expected gate, objective or alert, got "gates" (did you mean gate?)',
  "route-exec-no-command": "7:9 services.resolver.route[0].exec.command: expected a list of arguments, got nothing",
  "route-exec-relative":
    '7:53 services.resolver.route[0].exec.observe[0]: expected the absolute path of a program, got "bin/observe"',
  "route-exec-word":
    '6:13 services.resolver.route[0]: expected frr, bird, exec, address, ifupdown or none, got "exec" (write exec: { command: [/path/to/program] })',
  "route-ifupdown-and-address":
    "6:13 services.resolver.route[0]: expected one driver for the address, got address and ifupdown",
  "route-ifupdown-device":
    '7:32 services.resolver.route[0].ifupdown.interface: expected an alias like lo:0, got "lo" (ifdown lo would set the device down, with all that is on it)',
  "route-ifupdown-recovery":
    "6:13 services.resolver.route[0].ifupdown.recovery: expected recovery to be written out (anchor, alias or manual) because of 2001:db8::53/128, got nothing",
  "serial-large":
    "6:27 services.resolver.checks[0].expect.serial: expected a whole number from 0 to 4294967295, got 4294967296",
  "serial-of-a": "6:27 services.resolver.checks[0].expect.serial: expected under type SOA only, got it under type A",
  "service-name":
    '2:3 services."my resolver": expected a name of at most 63 letters, digits, - and _, got "my resolver"',
  "shared-prefix-other-damping":
    "8:3 services.portal.damping: expected the same damping as service resolver, which shares 203.0.113.53/32, got another",
  "shared-prefix-other-guard":
    "13:12 services.portal.guard: expected the same guard as service resolver, which shares 203.0.113.53/32, got another",
  "shared-prefix-other-initial":
    "8:3 services.portal.initial: expected the same initial as service resolver, which shares 203.0.113.53/32, got another",
  "shared-prefix-other-route":
    "11:12 services.portal.route: expected the same route as service resolver, which shares 203.0.113.53/32, got another",
  "sockets-relative":
    '7:25 services.resolver.route[0].frr.sockets: expected an absolute path of at most 90 octets, got "run/frr"',
  "source-anycast":
    '1:9 source: expected an address of this host alone, got "203.0.113.53", which is one of the anycast addresses',
  "source-family": '1:17 source.ipv4: expected auto or an IPv4 address, got "2001:db8::1"',
  "source-word": '1:9 source: expected auto or an IPv4 or IPv6 address, got "eth0"',
  "tcp-interval": "6:19 services.resolver.checks[0].interval: expected at least 10ms for a check over tcp, got 5ms",
  "transport-word": '5:53 services.resolver.checks[0].dns.transport: expected udp or tcp, got "tls"',
  "two-drivers-in-one":
    "7:9 services.resolver.route[0]: expected one of frr, bird, exec, address, ifupdown and none, got frr and address",
  "txt-number":
    "6:24 services.resolver.checks[0].expect.txt: expected text of 1 to 255 characters, got 1 (put it in quotes)",
  "txt-of-a": "6:24 services.resolver.checks[0].expect.txt: expected under type TXT only, got it under type A",
  "type-not-asked":
    '5:48 services.resolver.checks[0].dns.type: expected a DNS record type like A, TXT or TYPE65280, got "AXFR"',
  "udp-with-rcode": "6:19 services.resolver.checks[0].expect.rcode: expected under a dns check only",
  "unknown-driver-key":
    "7:9 services.resolver.route[0].exabgp: unknown key (expected one of frr, bird, exec, address, ifupdown, none)",
  "unknown-driver":
    '6:13 services.resolver.route[0]: expected frr, bird, exec, address, ifupdown or none, got "adress" (did you mean address?)',
  "unknown-flag":
    '6:31 services.resolver.checks[0].expect.flags[1]: expected aa, ra, ad or tc, got "rd" (did you mean ra?)',
  "unknown-key": "7:16 services.resolver.route[0].frr.password: unknown key (expected one of sockets)",
  "unknown-rcode":
    '6:26 services.resolver.checks[0].expect.rcode: expected an rcode like NOERROR or REFUSED, got "NXDOMIAN" (did you mean NXDOMAIN?)',
  "unknown-type":
    '5:48 services.resolver.checks[0].dns.type: expected a DNS record type like A, TXT or TYPE65280, got "AAA" (did you mean AAAA?)',
  "yes-no": '7:21 services.resolver.respect_manual: expected true or false, got "yes"',
  "zero-checks": "4:13 services.resolver.checks: expected at least one check, got an empty list",
  "zero-prefixes": "3:15 services.resolver.prefixes: expected at least one prefix, got an empty list",
  "zero-services": "1:11 services: expected at least one service, got an empty mapping",
};

describe("a faulty config file", () => {
  it.each(Object.entries(syntax))("%s is refused as no YAML mapping", async (name, message) => {
    const error = await failureOf(name);
    expect([error.code, error.message]).toEqual(["ERR_CONFIG_SYNTAX", `${name}.yaml:${message}`]);
  });

  it.each(Object.entries(invalid))("%s is refused with its line and what was expected", async (name, message) => {
    const error = await failureOf(name);
    expect([error.code, error.message]).toEqual(["ERR_CONFIG_INVALID", `${name}.yaml:${message}`]);
  });

  it("has every fault of it told, in file order", async () => {
    const error = await failureOf("many");
    expect(error.message.split("\n")).toEqual([
      'many.yaml:1:8 hints: expected true or false, got "maybe"',
      'many.yaml:4:16 services.resolver.prefixes[0]: expected a host prefix like 203.0.113.53/32 or 2001:db8::53/128, got "203.0.113.53" (write 203.0.113.53/32)',
      "many.yaml:6:48 services.resolver.checks[0].dns.port: expected a whole number from 1 to 65535, got 0",
      "many.yaml:7:9 services.resolver.checks[0].fal: unknown key (did you mean fall?)",
      'many.yaml:10:39 services.resolver.route[0].address.label: expected a label that begins with lo, got "eth0"',
    ]);
    expect(error.faults.map(({ line }) => line)).toEqual([1, 4, 6, 7, 10]);
    expect(error.faults[0]).toEqual({
      path: "hints",
      line: 1,
      column: 8,
      message: 'expected true or false, got "maybe"',
    });
  });

  it("leaves no fixture unread", () => {
    const files = readdirSync(folder).filter((file) => !file.startsWith("good-"));
    const named = [...Object.keys(syntax), ...Object.keys(invalid), "many"].map((name) => `${name}.yaml`);
    expect(files.sort()).toEqual(named.sort());
  });

  it("that cannot be read says which and why", async () => {
    const missing = readConfigFile("/nonexistent/anyprobe.yaml");
    await expect(missing).rejects.toMatchObject({
      code: "ERR_CONFIG_READ",
      message: "/nonexistent/anyprobe.yaml: expected a readable file, got ENOENT",
    });
  });
});

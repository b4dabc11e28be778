// The shape of the config file: keys, kinds, bounds and defaults, one key at a time. What keys mean to each other is in
// config-rule.ts. The descriptions reach editors and people through `anyprobe config schema`.
import { z } from "zod";
import { parsePlace } from "../serve/listen.js";
import { domainName, rcodes, recordType } from "./config-dns.js";
import {
  absolutePath,
  address,
  choice,
  duration,
  expected,
  hex,
  hostPrefix,
  mapping,
  meant,
  scalar,
  sourceOfFamily,
  text,
  whole,
  yesNo,
} from "./config-scalar.js";
import { policy } from "./policy-schema.js";
import { routeSchema } from "./route-schema.js";

function list<T extends z.ZodType>(item: T, one: string, many = `${one}s`) {
  const bracket = (value: unknown) => (["string", "number"].includes(typeof value) ? `write [${value}]` : undefined);
  return z
    .array(item, { error: expected(`a list of ${many}`, bracket) })
    .min(1, { error: expected(`at least one ${one}`) });
}

const dns = mapping({
  name: domainName.describe("The name that is asked for, in ASCII."),
  type: recordType.prefault("A").describe("The record type: A, AAAA, TXT, … or TYPE65280."),
  class: choice("IN", "CH").default("IN").describe("The class; CH for id.server and version.bind."),
  port: whole(1, 65535).default(53).describe("The port that is asked."),
  transport: choice("udp", "tcp")
    .default("udp")
    .describe("How it is asked; over tcp with a connection for each query."),
  rd: yesNo.default(true).describe("Recursion desired."),
  do: yesNo.default(false).describe("DNSSEC OK; needs EDNS."),
  edns_size: z
    .int({ error: expected("0 or a size from 512 to 65535") })
    .refine((size) => size === 0 || (size >= 512 && size <= 65535), {
      error: expected("0 or a size from 512 to 65535"),
    })
    .default(1232)
    .describe("The EDNS UDP size; 0 asks without EDNS."),
  nsid: yesNo.default(false).describe("Ask for the server's NSID; expect.nsid implies it."),
  random_label: yesNo
    .default(false)
    .describe("Ask for a random label under the name, another one each time, which no cache can know."),
});

const udp = mapping({
  port: whole(1, 65535).describe("The UDP port that is asked."),
  payload: hex.describe("The octets sent, in hex."),
  id_at: whole(0, 1398)
    .optional()
    .describe("Where two octets of random id are written, for a service that echoes them at the same place."),
});

const exec = mapping({
  command: list(text("an argument", 1024), "argument").describe("The program's absolute path and its arguments."),
  warning: choice("pass", "fail").default("pass").describe("What exit status 1, WARNING, means: pass or fail."),
});

const expectation = mapping({
  rcode: z
    .enum(rcodes, { error: expected("an rcode like NOERROR or REFUSED", meant(...rcodes)) })
    .optional()
    .describe("DNS: the answer's rcode; NOERROR where none is given."),
  answers: list(text("text", 1024), "answer")
    .optional()
    .describe("DNS: exactly these data of the asked type, in any order."),
  min_answers: whole(0, 1000).optional().describe("DNS: at least so many records of the asked type."),
  txt: text("text", 255).optional().describe("DNS: a TXT record with exactly this text."),
  flags: list(choice("aa", "ra", "ad", "tc"), "flag")
    .optional()
    .describe("DNS: header flags that must be set."),
  nsid: text("text", 128).optional().describe("DNS: the NSID that the answer must carry, as text."),
  serial: whole(0, 2 ** 32 - 1)
    .optional()
    .describe("DNS: the least serial that the SOA record may have, in the arithmetic of RFC 1982."),
  reply: hex.optional().describe("UDP: the octets that the reply must begin with, in hex."),
  mask: hex.optional().describe("UDP: which bits of reply are compared; all where none is given."),
  max_rtt: duration("1us", "1m").optional().describe("The answer must come within this; at most timeout."),
});

const zeroRise = (value: unknown) => (value === 0 ? "1 brings a check up at its first pass" : undefined);
const zeroFall = (value: unknown) => (value === 0 ? "1 brings a check down at its first failure" : undefined);

/** checkSchema is one question that is asked at every prefix's address of its service. */
export const checkSchema = mapping({
  name: text("a name", 100).optional().describe("Unique in its service; made of the query where none is given."),
  dns: dns.optional().describe("Ask a DNS question."),
  udp: udp.optional().describe("Send a payload over UDP."),
  exec: exec.optional().describe("Run a program; its exit status is that of a Nagios plugin."),
  expect: expectation.prefault({}).describe("What a good answer is; all that is given must hold."),
  role: choice("gate", "objective", "alert")
    .default("gate")
    .describe(
      "gate checks decide; while an objective check is down the service is degraded; alert checks only report.",
    ),
  interval: duration("1ms", "1h").prefault("1s").describe("How often each address is asked."),
  fast_interval: duration("1ms", "1h").prefault("200ms").describe("The same while the check is rising or falling."),
  timeout: duration("1ms", "1m").prefault("1s").describe("No answer within this is a failure."),
  rise: whole(1, 1000, zeroRise).default(3).describe("So many passes in a row bring it up, once stable_for is over."),
  fall: whole(1, 1000, zeroFall).default(3).describe("So many failures in a row bring it down."),
  stable_for: duration("0s", "24h").prefault("10s").describe("It must have passed for so long to be up again."),
  confirm: mapping({
    probes: whole(1, 100).default(3).describe("How many probes the burst has."),
    interval: duration("100us", "10s").prefault("1ms").describe("The time between two of them."),
    for: duration("0s", "1h").prefault("0s").describe("How long the failing must last before the check is down."),
  })
    .prefault({})
    .describe("The burst of probes that a hint starts, such as the end of the service's socket."),
});

export const requireSchema = z.union(
  [
    choice("all", "any"),
    mapping({
      at_least: whole(1, 1000).optional().describe("So many gate checks must be up."),
      percent: whole(1, 100).optional().describe("So many of a hundred gate checks must be up, rounded up."),
    }).transform(({ at_least: atLeast, percent }, context) => {
      if (atLeast !== undefined && percent === undefined) return { atLeast };
      if (atLeast === undefined && percent !== undefined) return { percent };
      const message = `expected one of at_least and percent, got ${percent === undefined ? "neither" : "both"}`;
      context.addIssue({ code: "custom", message });
      return z.NEVER;
    }),
  ],
  { error: expected("all, any, {at_least: N} or {percent: N}", meant("all", "any")) },
);

const service = mapping({
  prefixes: list(hostPrefix, "prefix", "prefixes").describe("The host prefixes that the service is announced by."),
  checks: list(checkSchema, "check").describe("Questions that are asked at every prefix's address."),
  require: requireSchema
    .prefault("all")
    .describe("How many gate checks must be up: all, any, {at_least: N} or {percent: N}."),
  route: list(routeSchema, "driver").describe("The drivers, in order for withdrawing; back in reverse."),
  ...policy,
  on_exit: choice("keep", "withdraw").default("keep").describe("What becomes of the prefixes when the daemon stops."),
  when_unknown: choice("hold", "withdraw").default("hold").describe("What a long unknown means."),
  respect_manual: yesNo.default(true).describe("Leave a prefix alone that an operator took away by hand."),
});

const eitherSource = scalar("auto or an IPv4 or IPv6 address", (value) =>
  value === "auto" ? ({ ipv4: "auto", ipv6: "auto" } as const) : bySource(value),
);

function bySource(value: string): { ipv4: string; ipv6: string } | undefined {
  const { data } = address.safeParse(value);
  if (data === undefined) return undefined;
  return data.includes(":") ? { ipv4: "auto", ipv6: data } : { ipv4: data, ipv6: "auto" };
}

export const sourceSchema = z.union(
  [
    eitherSource,
    mapping({
      ipv4: sourceOfFamily(4).prefault("auto").describe("The IPv4 source, or auto."),
      ipv6: sourceOfFamily(6).prefault("auto").describe("The IPv6 source, or auto."),
    }),
  ],
  { error: expected("auto, an address or a mapping with ipv4 and ipv6") },
);

/** schema is the whole file. */
export const schema = mapping(
  {
    source: sourceSchema
      .prefault("auto")
      .describe("The address that probes are sent from, never an anycast one: auto, an address, or one per family."),
    control: absolutePath(107).prefault("/run/anyprobe/anyprobe.sock").describe("The control socket's path."),
    state: absolutePath().prefault("/var/lib/anyprobe/state.json").describe("The state file's path."),
    listen: scalar("an address and a port like 127.0.0.1:9353 or [::1]:9353", parsePlace)
      .optional()
      .describe("Where HTTP listens for /metrics and the status page; no more than this host without token_file."),
    token_file: absolutePath()
      .optional()
      .describe("A file with the token that every HTTP request must bring; not everybody may read it."),
    textfile: absolutePath()
      .refine((path) => path.endsWith(".prom"), { error: expected("a path that ends in .prom") })
      .optional()
      .describe("A file for node_exporter's textfile collector, written anew every 15s."),
    log_level: choice("trace", "debug", "info", "warn", "error").default("info").describe("The least that is logged."),
    hints: yesNo.default(true).describe("React to the end of the service's socket and to address events at once."),
    min_gap: duration("0s", "1m")
      .prefault("1.1s")
      .describe("No two changes of one router within this, unless they leave together; 0s on tuned OSPF timers."),
    announce_gap: duration("0s", "1h")
      .prefault("10s")
      .describe("The least time between two announcements on one router; withdrawing never waits for it."),
    services: z
      .record(z.string(), service, { error: expected("a mapping of services by name") })
      .describe("The services by name."),
  },
  "a mapping with services",
);

/** RawConfig is what the schema gives: defaults filled in, scalars read, keys still as in YAML. */
export type RawConfig = z.output<typeof schema>;
export type RawService = z.output<typeof service>;
export type RawCheck = z.output<typeof checkSchema>;
export type RawSource = z.output<typeof sourceSchema>;

/** configSchema gives the JSON schema of the file as people write it. */
export function configSchema(): Record<string, unknown> {
  return { title: "anyprobe config", ...z.toJSONSchema(schema, { io: "input" }) };
}

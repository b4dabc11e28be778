// A Config back to YAML with every default written out. Reading what is printed gives the same Config.
import { stringify } from "yaml";
import type { Expectation } from "../probe/expectation.js";
import { isUdp } from "../probe/query.js";
import type { CheckConfig, Config, RouteConfig, ServiceConfig } from "./config.js";
import { writeDuration } from "./config-scalar.js";

/** printConfig writes the whole config as YAML. */
export function printConfig(config: Config): string {
  const { source, control, state, logLevel: log_level, hints } = config;
  const services = Object.fromEntries(config.services.map((service) => [service.name, writeService(service)]));
  const document = { source, control, state, log_level, hints, min_gap: writeDuration(config.minGapMs), services };
  return stringify(document, { lineWidth: 0, aliasDuplicateObjects: false });
}

function writeService(service: ServiceConfig) {
  return {
    prefixes: service.prefixes,
    checks: service.checks.map(writeCheck),
    require: typeof service.require === "object" ? { at_least: service.require.atLeast } : service.require,
    route: service.route.map(writeRoute),
    on_exit: service.onExit,
    when_unknown: service.whenUnknown,
    respect_manual: service.respectManual,
  };
}

function writeCheck(check: CheckConfig) {
  return {
    name: check.name,
    ...writeQuery(check.query, check.port),
    expect: writeExpectation(check.expect),
    role: check.role,
    interval: writeDuration(check.intervalMs),
    fast_interval: writeDuration(check.fastIntervalMs),
    timeout: writeDuration(check.timeoutMs),
    rise: check.rise,
    fall: check.fall,
    stable_for: writeDuration(check.stableForMs),
    confirm: {
      probes: check.confirm.probes,
      interval: writeDuration(check.confirm.intervalMs),
      for: writeDuration(check.confirm.forMs),
    },
  };
}

function writeQuery(query: CheckConfig["query"], port: number) {
  if (isUdp(query)) return { udp: given({ port, payload: writeHex(query.payload), id_at: query.idAt }) };
  const { name, type, rd, nsid } = query;
  return { dns: given({ name, type, class: query.class, port, rd, do: query.do, edns_size: query.ednsSize, nsid }) };
}

function writeExpectation(expect: Expectation) {
  const { rcode, answers, txt, flags, nsid, reply } = expect;
  return given({
    rcode,
    answers,
    min_answers: expect.minAnswers,
    txt,
    flags,
    nsid,
    reply: reply && writeHex(reply.bytes),
    mask: reply && writeHex(reply.mask),
    max_rtt: expect.maxRttMs === undefined ? undefined : writeDuration(expect.maxRttMs),
  });
}

function writeRoute(route: RouteConfig) {
  if (route.driver === "none") return { none: {} };
  if (route.driver === "frr") return { frr: { sockets: route.sockets } };
  const { device, label, recovery, alias } = route;
  return { address: given({ device, label, recovery, alias, lease: writeDuration(route.leaseMs) }) };
}

function writeHex(octets: Uint8Array): string {
  return Buffer.from(octets).toString("hex");
}

function given(values: Readonly<Record<string, unknown>>) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

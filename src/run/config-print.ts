// A Config back to YAML with every default written out. Reading what is printed gives the same Config.
import { Document, type YAMLMap } from "yaml";
import { rcodeWord } from "../probe/dns-word.js";
import type { Expectation } from "../probe/expectation.js";
import { isCommand, isUdp } from "../probe/query.js";
import { formatPlace } from "../serve/listen.js";
import { nsPerMs } from "../units.js";
import type { CheckConfig, Config, GuardConfig, ObjectiveConfig, Require, ServiceConfig } from "./config.js";
import { given, writeDuration, writePercentage } from "./config-scalar.js";
import { writeRoute } from "./route-build.js";

/** printConfig writes the whole config as YAML. */
export function printConfig(config: Config): string {
  const { source, control, state, logLevel: log_level, hints } = config;
  const services = Object.fromEntries(config.services.map((service) => [service.name, writeService(service)]));
  const [min_gap, announce_gap] = [writeDuration(config.minGapMs), writeDuration(config.announceGapMs)];
  const { tokenFile: token_file, textfile } = config;
  const shown = given({ listen: config.listen && formatPlace(config.listen), token_file, textfile });
  const keys = { source, control, state, ...shown, log_level, hints, min_gap, announce_gap, services };
  const document = new Document(keys, { aliasDuplicateObjects: false });
  for (const { name, guard } of config.services)
    if (guard && !guard.written) tellDefault(document.getIn(["services", name]) as YAMLMap, guard);
  return document.toString({ lineWidth: 0 });
}

/** To write a guard down is to say that its database need not be readable at start, so the default one is a comment. */
function tellDefault(service: YAMLMap, guard: GuardConfig): void {
  const text = JSON.stringify(writeGuard(guard))
    .replaceAll(/"(\w+)":/g, "$1: ")
    .replaceAll(",", ", ");
  service.comment = ` guard: ${text} (not written)`;
}

function writeService(service: ServiceConfig) {
  return {
    prefixes: service.prefixes,
    checks: service.checks.map(writeCheck),
    require: writeRequire(service.require),
    route: service.route.map(writeRoute),
    ...writePolicy(service),
    initial: service.initial,
    drain: writeDuration(service.drainMs),
    on_exit: service.onExit,
    when_unknown: service.whenUnknown,
    respect_manual: service.respectManual,
  };
}

function writePolicy({ objective, damping, guard }: ServiceConfig) {
  const waits = damping && {
    hold_down: writeDuration(damping.holdDownMs),
    max: writeDuration(damping.maxMs),
    forget: writeDuration(damping.forgetMs),
  };
  const written = guard?.written ? writeGuard(guard) : undefined;
  return given({
    objective: objective && writeObjective(objective),
    damping: waits ?? "none",
    guard: guard ? written : "none",
  });
}

function writeObjective(objective: ObjectiveConfig) {
  const duration = (ns: number) => writeDuration(ns / nsPerMs);
  const { latency, loss, rcodes } = objective;
  const limits = latency.map(({ percentile, limitNs }) => [`p${percentile}`, duration(limitNs)]);
  const shares = [...rcodes].map(([rcode, share]) => [rcodeWord(rcode), writePercentage(share)]);
  return given({
    latency: limits.length > 0 ? Object.fromEntries(limits) : undefined,
    loss: loss === undefined ? undefined : writePercentage(loss),
    rcodes: shares.length > 0 ? Object.fromEntries(shares) : undefined,
    window: duration(objective.windowNs),
    fast_window: duration(objective.fastWindowNs),
    fast_burn: objective.fastBurn,
    min_samples: objective.minSamples,
    on_breach: objective.onBreach,
  });
}

function writeGuard({ others, router }: GuardConfig) {
  return { others, ...(router.kind === "frr" ? { frr: router.sockets } : { bird: router.socket }) };
}

function writeRequire(require: Require) {
  if (typeof require === "string") return require;
  return "atLeast" in require ? { at_least: require.atLeast } : { percent: require.percent };
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

function writeQuery(query: CheckConfig["query"], port: number | undefined) {
  if (isCommand(query)) return { exec: { command: query.command, warning: query.warning } };
  if (isUdp(query)) return { udp: given({ port, payload: writeHex(query.payload), id_at: query.idAt }) };
  const { name, type, class: klass, rd, nsid, transport, ednsSize: edns_size, randomLabel: random_label } = query;
  return { dns: given({ name, type, class: klass, port, transport, rd, do: query.do, edns_size, nsid, random_label }) };
}

function writeExpectation(expect: Expectation) {
  const { rcode, answers, txt, flags, nsid, serial, reply } = expect;
  return given({
    rcode,
    answers,
    min_answers: expect.minAnswers,
    txt,
    flags,
    nsid,
    serial,
    reply: reply && writeHex(reply.bytes),
    mask: reply && writeHex(reply.mask),
    max_rtt: expect.maxRttMs === undefined ? undefined : writeDuration(expect.maxRttMs),
  });
}

function writeHex(octets: Uint8Array): string {
  return Buffer.from(octets).toString("hex");
}

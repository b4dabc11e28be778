// From what the schema read to the Config that the daemon runs with: names in camelCase, queries and expectations in the
// words of room probe, nothing left that could change.
import type { Expectation } from "../probe/expectation.js";
import { checkName } from "./check-rule.js";
import type { CheckConfig, Config, ServiceConfig } from "./config.js";
import type { RawCheck, RawConfig, RawService } from "./config-schema.js";
import { buildDamping, buildGuard, buildObjective } from "./policy-build.js";
import { buildRoute } from "./route-build.js";

/** build makes the frozen Config of a raw one that passed schema and rules. */
export function build(raw: RawConfig): Config {
  return freeze({
    source: raw.source,
    control: raw.control,
    state: raw.state,
    listen: raw.listen,
    tokenFile: raw.token_file,
    textfile: raw.textfile,
    logLevel: raw.log_level,
    hints: raw.hints,
    minGapMs: raw.min_gap,
    announceGapMs: raw.announce_gap,
    services: Object.entries(raw.services).map(([name, service]) => buildService(name, service)),
  });
}

function buildService(name: string, raw: RawService): ServiceConfig {
  return {
    name,
    prefixes: raw.prefixes,
    checks: raw.checks.map(buildCheck),
    require: raw.require,
    route: raw.route.map(buildRoute),
    objective: raw.objective && buildObjective(raw.objective, raw.checks),
    damping: buildDamping(raw.damping),
    guard: buildGuard(raw.guard, raw.route),
    initial: raw.initial,
    drainMs: raw.drain,
    onExit: raw.on_exit,
    whenUnknown: raw.when_unknown,
    respectManual: raw.respect_manual,
  };
}

function buildCheck(raw: RawCheck): CheckConfig {
  return {
    name: checkName(raw),
    port: (raw.dns ?? raw.udp)?.port,
    query: buildQuery(raw),
    expect: buildExpectation(raw),
    role: raw.role,
    intervalMs: raw.interval,
    fastIntervalMs: Math.min(raw.fast_interval, raw.interval),
    timeoutMs: raw.timeout,
    rise: raw.rise,
    fall: raw.fall,
    stableForMs: raw.stable_for,
    confirm: { probes: raw.confirm.probes, intervalMs: raw.confirm.interval, forMs: raw.confirm.for },
  };
}

function buildQuery({ dns, udp, exec, expect }: RawCheck): CheckConfig["query"] {
  if (exec) return exec;
  if (dns)
    return {
      name: dns.name,
      type: dns.type,
      class: dns.class,
      rd: dns.rd,
      do: dns.do,
      ednsSize: dns.edns_size,
      nsid: dns.nsid || expect.nsid !== undefined,
      transport: dns.transport,
      randomLabel: dns.random_label,
    };
  return { payload: udp!.payload, ...(udp!.id_at !== undefined && { idAt: udp!.id_at }) };
}

function buildExpectation({ dns, expect }: RawCheck): Expectation {
  const { reply } = expect;
  return {
    ...(dns && { rcode: expect.rcode ?? "NOERROR" }),
    ...(expect.min_answers !== undefined && { minAnswers: expect.min_answers }),
    ...(expect.answers && { answers: expect.answers }),
    ...(expect.txt !== undefined && { txt: expect.txt }),
    ...(expect.flags && { flags: expect.flags }),
    ...(expect.nsid !== undefined && { nsid: expect.nsid }),
    ...(expect.serial !== undefined && { serial: expect.serial }),
    ...(reply && { reply: { bytes: reply, mask: expect.mask ?? new Uint8Array(reply.length).fill(0xff) } }),
    ...(expect.max_rtt !== undefined && { maxRttMs: expect.max_rtt }),
  };
}

/** Octets and maps cannot be frozen by the language; nothing here writes them. */
function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  for (const inner of Object.values(value)) freeze(inner);
  return Object.freeze(value);
}

// What `anyprobe check` does: asks a target a few times through the library's face, and judges what came.

import { type TargetSummary, watch } from "../index.js";
import { familyOf } from "../probe/target.js";
import type { CheckFlags } from "./check.js";
import { type CheckResult, checkLine } from "./check-text.js";
import { UsageError } from "./exit.js";
import { asUsage, expectationOf, queryOf, sourceOf } from "./watch-ask.js";

/** The states of a Nagios plugin, by exit code. */
const codes = { OK: 0, WARNING: 1, CRITICAL: 2, UNKNOWN: 3 } as const;

/** runCheck prints one line, and sets the exit code. */
export async function runCheck(target: string | undefined, flags: CheckFlags): Promise<void> {
  const result = await look(addressOf(target, flags), flags);
  process.stdout.write(`${checkLine(result)}\n`);
  process.exitCode = codes[result.state];
}

async function look(address: string, flags: CheckFlags): Promise<CheckResult> {
  const { port, query_address: name, record_type, interval: intervalMs, timeout: timeoutMs, count } = flags;
  // The root has no address to ask for.
  const type = name === "." && record_type === "A" ? "NS" : record_type;
  const source = sourceOf(flags.source);
  const options = {
    query: queryOf(`${name}/${type}`, flags),
    expect: {
      ...expectationOf({ ...flags, ...(flags.expected_address && { expectAnswer: flags.expected_address }) }),
      ...(flags.requireFlags.length > 0 && { flags: flags.requireFlags }),
    },
    // A server that is silent in class CHAOS would make a check last longer than its timeout.
    ...{ intervalMs, timeoutMs, count, rise: 1, fall: 1, chaos: false },
    ...(source && { source }),
  };
  await using watched = asUsage(() => watch([{ address, port }], options));
  let reason: string | undefined;
  for await (const event of watched) if (event.kind === "down") reason = event.reason;
  const summary = watched.summary(0);
  const limits = { warningMs: flags.warning, criticalMs: flags.critical };
  return { question: `${name}/${type}`, summary, limits, timeoutMs, reason, state: stateOf(summary, limits) };
}

/** A wrong answer or none at all is CRITICAL, some that are lost a WARNING; what only our own trouble kept from being asked is UNKNOWN. */
export function stateOf(
  { passed, wrong, timeouts, unreachable, latency }: TargetSummary,
  { warningMs = Number.POSITIVE_INFINITY, criticalMs = Number.POSITIVE_INFINITY }: CheckResult["limits"],
): CheckResult["state"] {
  if (passed + wrong + timeouts + unreachable === 0) return "UNKNOWN";
  if (passed === 0 || wrong > 0 || latency.p99Ns > criticalMs * 1e6) return "CRITICAL";
  return timeouts + unreachable > 0 || latency.p99Ns > warningMs * 1e6 ? "WARNING" : "OK";
}

function addressOf(target: string | undefined, { hostname }: CheckFlags): string {
  if (target !== undefined && hostname !== undefined && target !== hostname)
    throw new UsageError(`expected the target once, got ${target} and -H ${hostname}`);
  const given = target ?? hostname;
  if (given === undefined)
    throw new UsageError("expected the address of the target, got none: anyprobe check 192.0.2.53 …");
  asUsage(() => familyOf(given));
  return given;
}

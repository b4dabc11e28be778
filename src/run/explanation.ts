// Why a prefix is moved, for the program of the exec driver: what was decided on it, and what its checks have found.
import type { Explanation } from "../route/exec.js";
import type { Prefix } from "../route/prefix.js";
import type { Decisions } from "./decisions.js";
import type { PrefixCheck } from "./prefix-check.js";
import { reportCheck } from "./status.js";
import type { Wants } from "./wants.js";

/** explanationOf tells what is the case now. */
export function explanationOf(prefix: Prefix, wants: Wants, decisions: Decisions): Explanation {
  return {
    services: wants.servicesOf(prefix).map(({ name }) => name),
    reason: decisions.of(prefix)?.because ?? "",
    evidence: wants.checksAt(prefix).map(evidenceOf),
  };
}

/** Keys are as `status --json` has them. */
function evidenceOf(check: PrefixCheck) {
  const { name, role, state, last, verdicts, latency } = reportCheck(check);
  const { p50Ns: p50_ns, p99Ns: p99_ns, maxNs: max_ns, count } = latency;
  return { service: check.service, name, role, state, last, verdicts, latency: { p50_ns, p99_ns, max_ns, count } };
}

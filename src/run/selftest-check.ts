// The selftest's look at a check as it is: it passes, and our own rate makes no failures.
import { formatDuration } from "../units.js";
import { type Asking, type Question, reasonsOf, slowestNs, type Told } from "./selftest-ask.js";
import { doubtful, failed, type Proof, proven } from "./selftest-proof.js";

const passes = 3;
/** rateSeconds is how long the fast rate is kept up. */
export const rateSeconds = 5;

/** provePass asks three times: it must pass each time. */
export async function provePass(asking: Asking, question: Question): Promise<Proof> {
  const { check, prefix } = question;
  const claim = { kind: "passes", subject: prefix, claim: `${check.name} passes` } as const;
  const told = await asking.ask(question, passes);
  if (told.every(({ verdict }) => verdict.kind === "pass"))
    return proven(claim, `${told.length} passes, the slowest in ${formatDuration(slowestNs(told))}`);
  return failed(claim, reasonsOf(told), `${passes} passes`, adviceFor(question, told));
}

/** proveRate asks for 5 s as fast as the check ever asks: at its fast interval, and with a confirming burst each second. */
export async function proveRate(asking: Asking, question: Question, source: string): Promise<Proof> {
  const { check, prefix } = question;
  const claim = { kind: "rate", subject: prefix, claim: `${check.name} bears our own rate` } as const;
  const told = await asking.askFor(question, rateSeconds);
  const saying = told.filter(({ verdict }) => verdict.kind !== "unknown");
  const cut = told.filter(({ truncated }) => truncated && !check.expect.flags?.includes("tc"));
  const silent = told.length - saying.length;
  const asked = `${saying.length} asked in ${rateSeconds}s`;
  const rest = silent === 0 ? "" : `; ${silent} more say nothing: ${reasonsOf(told.filter(isUnknown))}`;
  const expected = "every one to pass, and none to be truncated";
  if (saying.length === 0) return doubtful(claim, `${asked}${rest}`, expected, adviceFor(question, told));
  const bad = saying.filter(({ verdict }) => verdict.kind === "fail");
  if (bad.length === 0 && cut.length === 0) return proven(claim, `${asked}, all passed, none truncated${rest}`);
  const faults = [
    bad.length > 0 ? `failed: ${reasonsOf(saying)}` : "",
    cut.length > 0 ? `truncated: ${cut.length}` : "",
  ];
  const advice =
    "rate limiting would take every endpoint down together, and overload this one: exempt the probes' source " +
    `${source} from it (BIND: rate-limit { exempt-clients { ${source}; }; }, Knot DNS: mod-rrl whitelist ${source}; ` +
    "with others raise the limit), or raise fast_interval";
  return failed(claim, `${asked}; ${faults.filter(Boolean).join("; ")}${rest}`, expected, advice);
}

function isUnknown({ verdict }: Told): boolean {
  return verdict.kind === "unknown";
}

/** adviceFor says what to do about probes that did not pass. */
export function adviceFor({ check, address, prefix }: Question, told: readonly Told[]): string {
  const reasons = told.map(({ verdict }) => (verdict.kind === "pass" ? "" : verdict.reason));
  const at = check.port === undefined ? address : `${address} port ${check.port}`;
  if (reasons.includes("not local"))
    return `${address} is not this host's: put ${prefix} on it, or wait until the daemon has announced it`;
  if (reasons.some((reason) => /^(port unreachable|connection refused)$/.test(reason)))
    return `start the server at ${at}, or correct the port`;
  if (reasons.includes("timeout")) return `see whether the server at ${at} runs, and answers this source`;
  if (reasons.includes("prober stalled")) return "this host stands still: give it CPU time, and try again";
  return "correct the server, or what the check expects";
}

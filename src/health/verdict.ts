// A verdict: what the outcome of one probe says about the service. It is a value and never an exception, and whatever is
// the prober's own trouble says nothing: it is unknown, not a failure.
import { constants } from "node:os";
import { rcodeWord } from "../probe/dns-word.js";
import { type Expectation, judgeAnswer, judgeRcode, judgeRtt, needsContent } from "../probe/expectation.js";
import type { Outcome } from "../probe/outcome.js";
import { type Command, isUdp, type Query } from "../probe/query.js";
import { type Exit, judgeExit } from "./exit.js";

/** Verdict is what one probe says of the service; reasons are a few words, for people. */
export type Verdict =
  /** `note`: what it is well in spite of. */
  | { readonly kind: "pass"; readonly note?: string }
  | { readonly kind: "fail"; readonly reason: string }
  | { readonly kind: "unknown"; readonly reason: string };

/** What else can come of a probe that the engine did not send. */
export type OtherOutcome =
  /** TCP: nobody listens at that port. */
  | "refused"
  /** TCP: the connection ended before the answer did. */
  | "closed"
  /** TCP: an answer to another question came back. */
  | "foreign"
  /** A program ended, and `exit` says how. */
  | "exited"
  /** A program could not be started; errno says why. */
  | "not-started";

/** Finding is what the engine, or whoever else asked, tells about one probe. */
export interface Finding {
  readonly outcome: Outcome | OtherOutcome;
  /** The number in the header of a DNS answer; anything where there was none. */
  readonly rcode: number;
  /** A number as the kernel gives it, or its name (`ECONNREFUSED`); 0 where there was none. */
  readonly errno: number | string;
  readonly rttNs: number;
  /** The answer's octets, where they were kept. */
  readonly answer: Uint8Array | undefined;
  readonly exit?: Exit;
}

const passed: Verdict = { kind: "pass" };

/**
 * The ICMP errors that speak of the service or of the way to it, by the errno that the kernel makes of them (icmp(7),
 * net/ipv4/icmp.c, net/ipv6/icmp.c). Others, like EMSGSIZE, speak of our packet.
 */
const unreachableWords = new Map([
  ["ECONNREFUSED", "port unreachable"],
  ["EHOSTUNREACH", "host unreachable"],
  ["ENETUNREACH", "net unreachable"],
  ["EACCES", "administratively prohibited"],
  ["EHOSTDOWN", "host unknown"],
  ["ENONET", "host isolated"],
  ["ENOPROTOOPT", "protocol unreachable"],
]);

// os.constants has no names for these two (asm-generic/errno.h); EAGAIN is also EWOULDBLOCK, and the first is meant.
const errnoNames = new Map<number, string>([
  [64, "ENONET"],
  [112, "EHOSTDOWN"],
]);
for (const [name, number] of Object.entries(constants.errno)) {
  if (!errnoNames.has(number)) errnoNames.set(number, name);
}

/** errnoName gives an errno's name, `errno 999` where it has none. */
export function errnoName(errno: number | string): string {
  return typeof errno === "string" ? errno : (errnoNames.get(errno) ?? `errno ${errno}`);
}

/** judge says what a finding means for a probe of that query and expectation. It does not throw. */
export function judge(finding: Finding, query: Query | Command, expectation: Expectation): Verdict {
  // The outcome tells whether it was a query or a command: only the one is answered, only the other exits.
  switch (finding.outcome) {
    case "answered":
      return judgeAnswered(finding, query as Query, expectation);
    case "exited":
      return judgeExit(finding.exit!, query as Command);
    case "not-started":
      return unknown(`the program could not be started: ${errnoName(finding.errno)}`);
    case "refused":
      return fail("connection refused");
    case "closed":
      return fail("connection closed before the answer");
    case "foreign":
      return fail("answer to another question");
    case "timeout":
      return fail("timeout");
    case "unreachable": {
      const name = errnoName(finding.errno);
      const word = unreachableWords.get(name);
      return word ? fail(word) : unknown(name);
    }
    case "not-local":
      return unknown("not local");
    case "send-failed":
      return unknown(errnoName(finding.errno));
    case "voided":
      return unknown("prober stalled");
    case "cancelled":
      return unknown("cancelled");
  }
}

function judgeAnswered(finding: Finding, query: Query, expectation: Expectation): Verdict {
  const { answer, rttNs } = finding;
  try {
    if (!answer && needsContent(expectation)) return unknown("answer not kept");
    const reason = answer
      ? judgeAnswer(answer, query, expectation, rttNs)
      : ((isUdp(query) ? undefined : judgeRcode(rcodeWord(finding.rcode), expectation)) ??
        judgeRtt(expectation, rttNs));
    return reason === undefined ? passed : fail(reason);
  } catch (error) {
    // Only a query or expectation that no config check let through can come here: our fault, not the service's.
    return unknown(`cannot be judged: ${(error as Error).message}`);
  }
}

function fail(reason: string): Verdict {
  return { kind: "fail", reason };
}

function unknown(reason: string): Verdict {
  return { kind: "unknown", reason };
}

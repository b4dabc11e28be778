// The selftest's look at where probes come from and where they cannot go: from this host's own address, to nobody but this host.
import { type Address, listMarkRules } from "../engine/netlink.js";
import { errnoName } from "../health/verdict.js";
import { addressBytes, canonicalAddress, type Family, familyOf } from "../probe/target.js";
import { formatDuration } from "../units.js";
import type { MarkRule } from "./mark.js";
import type { Asking, Question, Told } from "./selftest-ask.js";
import { doubtful, failed, type Proof, proven } from "./selftest-proof.js";

/** Documentation addresses (RFC 5737, RFC 3849): nobody's. */
const nobody: Readonly<Record<Family, readonly string[]>> = {
  4: ["192.0.2.1", "198.51.100.1", "203.0.113.1"],
  6: ["2001:db8::1", "2001:db8:ffff::1"],
};
const waitMs = 300;
const asRoot = "run it as root, or with CAP_NET_ADMIN as the daemon's unit has it";

/**
 * strangerOf gives an address that is not this host's: a neighbour's on the source's own subnet, which has a route if any
 * has one, or else a documentation address. `isLocal` tells which are this host's.
 */
export function strangerOf(source: Address, isLocal: (address: string) => boolean): string {
  const octets = addressBytes(source.address);
  const hostBits = octets.length * 8 - source.prefixLength;
  const near = [1, 2, 3]
    .filter((change) => change < 2 ** Math.min(hostBits, 8))
    .map((change) => octets.with(-1, octets.at(-1)! ^ change))
    .filter((neighbour) => hostBits === 1 || isHost(neighbour, hostBits))
    .map(textOf);
  return [...near, ...nobody[source.family]].find((address) => !isLocal(address))!;
}

/** The lowest address of a subnet names it (on IPv6 any router), and the highest of an IPv4 one is its broadcast address. */
function isHost(octets: Uint8Array, hostBits: number): boolean {
  const value = octets.reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
  const mask = (1n << BigInt(hostBits)) - 1n;
  const host = value & mask;
  return host !== 0n && (octets.length === 16 || host !== mask);
}

function textOf(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => ((octets[2 * i]! << 8) | octets[2 * i + 1]!).toString(16));
  return canonicalAddress(groups.join(":"));
}

/** proveMarkRules tells whether the selftest's own mark rule is there, and the daemon's where one runs under `daemonMark`. */
export function proveMarkRules(family: Family, rule: MarkRule, daemonMark: number | undefined): Proof[] {
  const claim = { kind: "mark-rule", subject: `IPv${family}`, claim: "the mark rule can be installed" } as const;
  const there = (mark: number) => listMarkRules().some((one) => one.family === family && one.mark === mark);
  const proofs: Proof[] = [];
  if (rule.mark === undefined) {
    const why = rule.guarded.reason ?? "nothing";
    proofs.push(doubtful(claim, why, "a rule that keeps probes on this host", asRoot));
  } else if (there(rule.mark)) proofs.push(proven(claim, `${wordRule(rule.mark)}, read back`));
  else
    proofs.push(failed(claim, "no such rule", wordRule(rule.mark), "look for what deletes rules: `ip monitor rule`"));
  if (daemonMark !== undefined) {
    const own = { ...claim, claim: "the running daemon's mark rule is there" };
    if (there(daemonMark)) proofs.push(proven(own, wordRule(daemonMark)));
    else proofs.push(failed(own, "no such rule", wordRule(daemonMark), "restart the daemon, or put the rule back"));
  }
  return proofs;
}

function wordRule(mark: number): string {
  return `pref 1 fwmark 0x${mark.toString(16)} unreachable`;
}

/** strangeQuestion asks a stranger for what any name server knows: should it get out after all, it does no harm. */
export function strangeQuestion(question: Question, address: string): Question {
  const query = { name: ".", type: "NS", rd: false };
  const check = { ...question.check, query, port: 53, expect: {}, timeoutMs: waitMs };
  return { ...question, check, address };
}

/** proveUnroutable asks a stranger under the mark alone: the kernel must refuse at once. */
export async function proveUnroutable(asking: Asking, question: Question): Promise<Proof> {
  const claim = claimOf("unroutable", question, "the mark rule keeps a probe from");
  const [told] = await asking.ask({ ...question, localOnly: false }, 1);
  const { outcome, errno } = told!.finding;
  if (outcome === "send-failed" && errnoName(errno) === "ENETUNREACH") return proven(claim, "ENETUNREACH");
  const advice = "look at `ip rule`: no rule but that of table local may come before preference 1";
  return failed(claim, wordFinding(told!), "ENETUNREACH", advice);
}

/**
 * proveKeptIn asks a stranger as the prober does: IP_UNICAST_IF makes the kernel send it to lo, where it ends. With the mark
 * rule that shows: without IP_UNICAST_IF the kernel would refuse.
 */
export async function proveKeptIn(asking: Asking, question: Question, marked: boolean): Promise<Proof> {
  const claim = claimOf("kept-in", question, "IP_UNICAST_IF lo keeps a probe from");
  const [told] = await asking.ask(question, 1);
  const expected = "no answer, as it ends at lo";
  if (told!.finding.outcome !== "timeout") {
    const advice = "another endpoint could answer this host's probes: let checks expect an nsid";
    return failed(claim, wordFinding(told!), expected, advice);
  }
  if (marked) return proven(claim, wordFinding(told!));
  return doubtful(claim, "no answer, which without a mark rule proves little", expected, asRoot);
}

function claimOf<Kind extends Proof["kind"]>(kind: Kind, { address }: Question, what: string) {
  return { kind, subject: `IPv${familyOf(address)}`, claim: `${what} ${address}, which is not this host's` };
}

/** What happened, whatever it means: a verdict would call it `not local`. */
function wordFinding({ finding: { outcome, errno, rttNs } }: Told): string {
  const name = errno === 0 ? "" : ` ${errnoName(errno)}`;
  return `${outcome}${name} after ${formatDuration(rttNs)}`;
}

// What the keys of one check mean to each other.
import { isIPv4, isIPv6 } from "node:net";
import { basename, isAbsolute } from "node:path";
import { randomLabelLength } from "../probe/random-label.js";
import type { Issue } from "./config-fault.js";
import type { Piece } from "./config-piece.js";
import { show, writeDuration } from "./config-scalar.js";
import type { RawCheck } from "./config-schema.js";

const kinds = ["dns", "udp", "exec"] as const;
/** Which kinds of check an expectation is for. */
const placeOf: Readonly<Record<keyof RawCheck["expect"], readonly (typeof kinds)[number][]>> = {
  rcode: ["dns"],
  answers: ["dns"],
  min_answers: ["dns"],
  txt: ["dns"],
  flags: ["dns"],
  nsid: ["dns"],
  serial: ["dns"],
  reply: ["udp"],
  mask: ["udp"],
  max_rtt: ["dns", "udp"],
};
/** RFC 1035, 2.3.4. */
const longestName = 255;
/** Starting a program, or opening a socket for each probe, has its price. */
const [leastExecMs, leastSocketMs] = [100, 10];

/** checkName is the check's own name, or one made of its query. */
export function checkName({ name, dns, udp, exec }: RawCheck): string {
  if (name !== undefined) return name;
  if (dns) {
    const asked = dns.random_label ? `*.${dns.name}`.replace(/\.\.$/, ".") : dns.name;
    const question = `${asked}/${dns.type}${dns.class === "IN" ? "" : `/${dns.class}`}`;
    return `dns ${question}${dns.transport === "tcp" ? " over tcp" : ""}`;
  }
  return exec ? `exec ${basename(exec.command[0]!)}` : `udp ${udp?.port ?? ""}`.trim();
}

/** checkIssues holds the rules against one well-formed check. */
export function checkIssues({ path, value: check, written }: Piece<RawCheck>): Issue[] {
  const issues: Issue[] = [];
  const fault = (keys: readonly PropertyKey[], message: string, at?: "key") =>
    issues.push({ path: [...path, ...keys], message, ...(at && { at }) });
  const { dns, udp, exec, expect } = check;

  const given = kinds.filter((kind) => check[kind] !== undefined);
  const [kind] = given;
  if (kind === undefined || given.length > 1)
    fault([], `expected one of dns, udp and exec, got ${given.join(" and ") || "none"}`);
  else
    for (const [key, places] of Object.entries(placeOf))
      if (expect[key as keyof typeof expect] !== undefined && !places.includes(kind))
        fault(["expect", key], `expected under a ${places.join(" or ")} check only`, "key");

  if (expect.max_rtt !== undefined && expect.max_rtt > check.timeout)
    fault(["expect", "max_rtt"], atMost("timeout", check.timeout, expect.max_rtt));
  // The default of fast_interval follows a shorter interval silently; one that was written must make sense.
  if ("fast_interval" in (written as object) && check.fast_interval > check.interval)
    fault(["fast_interval"], atMost("interval", check.interval, check.fast_interval));

  if (exec) issues.push(...execIssues(exec, path));
  issues.push(...paceIssues(check, path, written));
  if (dns) issues.push(...dnsIssues(dns, expect, path));
  if (udp?.id_at !== undefined && udp.id_at + 2 > udp.payload.length)
    fault(["udp", "id_at"], `expected two octets of room in the payload of ${udp.payload.length}, got ${udp.id_at}`);
  if (expect.mask && expect.mask.length !== expect.reply?.length) {
    const length = expect.reply ? `a mask as long as reply (${expect.reply.length} octets)` : "a reply with the mask";
    fault(["expect", "mask"], `expected ${length}, got ${expect.reply ? `${expect.mask.length} octets` : "none"}`);
  }
  return issues;
}

function atMost(key: string, limitMs: number, ms: number): string {
  return `expected at most ${key} (${writeDuration(limitMs)}), got ${writeDuration(ms)}`;
}

function execIssues({ command }: NonNullable<RawCheck["exec"]>, path: readonly PropertyKey[]): Issue[] {
  const file = command[0]!;
  if (isAbsolute(file)) return [];
  return [
    { path: [...path, "exec", "command", 0], message: `expected the absolute path of a program, got ${show(file)}` },
  ];
}

function paceIssues(check: RawCheck, path: readonly PropertyKey[], written: unknown): Issue[] {
  const { dns, exec } = check;
  const [leastMs, why] = exec
    ? [leastExecMs, "an exec check"]
    : dns?.transport === "tcp"
      ? [leastSocketMs, "a check over tcp"]
      : [dns?.random_label ? leastSocketMs : 0, "a random label"];
  return (["interval", "fast_interval"] as const)
    .filter((key) => key in (written as object) && check[key] < leastMs)
    .map((key) => ({
      path: [...path, key],
      message: `expected at least ${writeDuration(leastMs)} for ${why}, got ${writeDuration(check[key])}`,
    }));
}

function dnsIssues(
  dns: NonNullable<RawCheck["dns"]>,
  expect: RawCheck["expect"],
  path: readonly PropertyKey[],
): Issue[] {
  const issues: Issue[] = [];
  const fault = (keys: readonly PropertyKey[], message: string) => issues.push({ path: [...path, ...keys], message });
  if (dns.edns_size === 0 && (dns.do || dns.nsid || expect.nsid !== undefined)) {
    const need = dns.do ? "do" : dns.nsid ? "nsid" : "expect.nsid";
    fault(["dns", "edns_size"], `expected 512 to 65535, got 0 (${need} needs EDNS)`);
  }
  for (const [key, type] of [
    ["txt", "TXT"],
    ["serial", "SOA"],
  ] as const)
    if (expect[key] !== undefined && dns.type !== type)
      fault(["expect", key], `expected under type ${type} only, got it under type ${dns.type}`);
  // On the wire a name has an octet more than its text, and another for the root; the root itself has just that one.
  const nameOctets = dns.name === "." ? 1 : dns.name.length + 2;
  const room = longestName - 1 - randomLabelLength;
  if (dns.random_label && nameOctets > room)
    fault(["dns", "name"], `expected at most ${room} octets on the wire beside a random label, got ${nameOctets}`);
  for (const [index, answer] of (expect.answers ?? []).entries()) {
    const fits = dns.type === "A" ? isIPv4(answer) : dns.type === "AAAA" ? isIPv6(answer) : true;
    const family = dns.type === "A" ? 4 : 6;
    if (!fits) fault(["expect", "answers", index], `expected an IPv${family} address, got ${show(answer)}`);
  }
  const count = expect.answers?.length;
  if (count !== undefined && expect.min_answers !== undefined && expect.min_answers > count)
    fault(["expect", "min_answers"], `expected at most the number of answers (${count}), got ${expect.min_answers}`);
  return issues;
}

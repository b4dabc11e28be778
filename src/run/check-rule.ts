// What the keys of one check mean to each other.
import { isIPv4, isIPv6 } from "node:net";
import type { Issue } from "./config-fault.js";
import type { Piece } from "./config-piece.js";
import { show, writeDuration } from "./config-scalar.js";
import type { RawCheck } from "./config-schema.js";

const dnsOnly = ["rcode", "answers", "min_answers", "txt", "flags", "nsid"] as const;
const udpOnly = ["reply", "mask"] as const;

/** checkName is the check's own name, or one made of its query. */
export function checkName({ name, dns, udp }: RawCheck): string {
  if (name !== undefined) return name;
  if (dns) return `dns ${dns.name}/${dns.type}${dns.class === "IN" ? "" : `/${dns.class}`}`;
  return `udp ${udp?.port ?? ""}`.trim();
}

/** checkIssues holds the rules against one well-formed check. */
export function checkIssues({ path, value: check, written }: Piece<RawCheck>): Issue[] {
  const issues: Issue[] = [];
  const fault = (keys: readonly PropertyKey[], message: string, at?: "key") =>
    issues.push({ path: [...path, ...keys], message, ...(at && { at }) });
  const { dns, udp, expect } = check;

  if (!dns === !udp) fault([], `expected one of dns and udp, got ${dns ? "both" : "neither"}`);
  else
    for (const key of dns ? udpOnly : dnsOnly)
      if (expect[key] !== undefined)
        fault(["expect", key], `expected under a ${dns ? "udp" : "dns"} check only`, "key");

  if (expect.max_rtt !== undefined && expect.max_rtt > check.timeout)
    fault(["expect", "max_rtt"], atMost("timeout", check.timeout, expect.max_rtt));
  // The default of fast_interval follows a shorter interval silently; one that was written must make sense.
  if ("fast_interval" in (written as object) && check.fast_interval > check.interval)
    fault(["fast_interval"], atMost("interval", check.interval, check.fast_interval));

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
  if (expect.txt !== undefined && dns.type !== "TXT")
    fault(["expect", "txt"], `expected under type TXT only, got it under type ${dns.type}`);
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

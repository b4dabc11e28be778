// Rdata as text: what a record says, in the form that `dig +short` prints, and when two such texts say the same.
import { isIPv6 } from "node:net";
import { canonicalAddress } from "./target.js";

type Fields = Readonly<Record<string, string | number | Buffer>>;

/** rdataFormats turns what dns-packet decodes of a type into text; a type that is not here is written as in RFC 3597. */
export const rdataFormats: ReadonlyMap<string, (data: never) => string> = new Map<string, (data: never) => string>([
  ...["A", "NS", "CNAME", "PTR", "DNAME"].map((type) => [type, (name: string) => name] as const),
  ["AAAA", canonicalAddress],
  [
    "SOA",
    (d: Fields) =>
      `${d["mname"]} ${d["rname"]} ${d["serial"]} ${d["refresh"]} ${d["retry"]} ${d["expire"]} ${d["minimum"]}`,
  ],
  ["MX", (d: Fields) => `${d["preference"]} ${d["exchange"]}`],
  ["TXT", (strings: Buffer[]) => Buffer.concat(strings).toString("latin1")],
  ["SRV", (d: Fields) => `${d["priority"]} ${d["weight"]} ${d["port"]} ${d["target"]}`],
  ["CAA", (d: Fields) => `${d["flags"]} ${d["tag"]} "${d["value"]}"`],
  [
    "DS",
    (d: Fields) =>
      `${d["keyTag"]} ${d["algorithm"]} ${d["digestType"]} ${(d["digest"] as Buffer).toString("hex").toUpperCase()}`,
  ],
  ["DNSKEY", (d: Fields) => `${d["flags"]} 3 ${d["algorithm"]} ${(d["key"] as Buffer).toString("base64")}`],
]);

/** genericRdata writes any rdata as RFC 3597 does: `\# 4 c0000201`. */
export function genericRdata(octets: Buffer): string {
  return octets.length === 0 ? "\\# 0" : `\\# ${octets.length} ${octets.toString("hex")}`;
}

/** printable writes octets (one char each, latin1) so that no log or terminal is upset: what is not ASCII becomes `\DDD`. */
export function printable(latin1: string): string {
  return latin1.replace(/[^\x20-\x7e]/g, (char) => `\\${String(char.charCodeAt(0)).padStart(3, "0")}`);
}

/** printableText writes an operator's text as its UTF-8 octets would be written when they come in an answer. */
export function printableText(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : printable(Buffer.from(text).toString("latin1"));
}

/**
 * canonicalRdata gives the one spelling by which two rdata of a type are compared: names without case and closing dot
 * (RFC 4343), addresses as in RFC 5952, hex and base64 without the blanks that zone files allow.
 */
export function canonicalRdata(type: string, text: string): string {
  switch (type) {
    case "TXT":
    case "CAA":
      return printableText(text);
    case "AAAA":
      return isIPv6(text) ? canonicalAddress(text) : text;
    case "DS":
    case "DNSKEY": {
      const [first, second, third, ...rest] = text.trim().split(/\s+/);
      const blob = type === "DS" ? rest.join("").toUpperCase() : rest.join("");
      return [first, second, third, blob].join(" ");
    }
    default:
      return text
        .trim()
        .toLowerCase()
        .split(/\s+/)
        .map((word) => (word.length > 1 && word.endsWith(".") ? word.slice(0, -1) : word))
        .join(" ");
  }
}

// The DNS words of the config: types that can be asked, rcodes, and what a domain name may be. A name or type that cannot
// be sent must be a fault at its line, long before a probe is compiled.
import { rcodeWord, typeNumber, typeWord } from "../probe/dns-word.js";
import { meant, scalar } from "./config-scalar.js";

/** Types that are no question for one UDP datagram. */
const notAsked = ["OPT", "TKEY", "TSIG", "IXFR", "AXFR"];
const types = Array.from({ length: 300 }, (_, number) => typeWord(number)).filter(
  (word) => !word.startsWith("TYPE") && !notAsked.includes(word),
);

/** rcodes lists the names that an answer's rcode can have. */
export const rcodes = Array.from({ length: 24 }, (_, number) => rcodeWord(number)).filter(
  (word) => !word.startsWith("RCODE"),
) as [string, ...string[]];

/** recordType reads `A`, `TXT`, … or `TYPE65280` (RFC 3597) into its one spelling. */
export const recordType = scalar(
  "a DNS record type like A, TXT or TYPE65280",
  (value) => {
    try {
      const word = typeWord(typeNumber(value));
      return notAsked.includes(word) ? undefined : word;
    } catch {
      return undefined;
    }
  },
  meant(...types),
);

/** domainName reads a name in ASCII presentation form without escapes; a final dot is dropped, the root stays `.`. */
export const domainName = scalar(
  "a domain name",
  (value) => (complaint(value) === undefined ? value.replace(/(?<=.)\.$/, "") : undefined),
  (value) => (typeof value === "string" ? complaint(value) : undefined),
);

function complaint(name: string): string | undefined {
  if (name === ".") return undefined;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the ASCII range is what is meant
  if (/[^\u0000-\u007f]/.test(name)) return "write it in ASCII, as xn--…";
  if (!/^[!#-[\]-~]+$/.test(name)) return "spaces, quotes, backslashes and control characters are not accepted";
  const labels = name.replace(/\.$/, "").split(".");
  if (labels.includes("")) return "a label is empty";
  const long = labels.find((label) => label.length > 63);
  if (long !== undefined) return `a label has ${long.length} octets, at most 63 fit`;
  const octets = labels.reduce((sum, label) => sum + label.length + 1, 1);
  return octets > 255 ? `it has ${octets} octets on the wire, at most 255 fit` : undefined;
}

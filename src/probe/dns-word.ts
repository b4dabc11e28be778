// DNS words: the names of types, classes, rcodes and header flags, and their numbers, as IANA's "DNS Parameters" lists them.

const types = new Map<string, number>(
  Object.entries({
    ...{ A: 1, NS: 2, CNAME: 5, SOA: 6, NULL: 10, PTR: 12, HINFO: 13, MX: 15, TXT: 16, RP: 17, AFSDB: 18, SIG: 24 },
    ...{ KEY: 25, AAAA: 28, LOC: 29, SRV: 33, NAPTR: 35, KX: 36, CERT: 37, DNAME: 39, OPT: 41, APL: 42, DS: 43 },
    ...{ SSHFP: 44, IPSECKEY: 45, RRSIG: 46, NSEC: 47, DNSKEY: 48, DHCID: 49, NSEC3: 50, NSEC3PARAM: 51, TLSA: 52 },
    ...{ HIP: 55, CDS: 59, CDNSKEY: 60, OPENPGPKEY: 61, CSYNC: 62, ZONEMD: 63, SVCB: 64, HTTPS: 65, SPF: 99 },
    ...{ TKEY: 249, TSIG: 250, IXFR: 251, AXFR: 252, ANY: 255, URI: 256, CAA: 257, TA: 32768, DLV: 32769 },
  }),
);
const typeWords = new Map([...types].map(([word, number]) => [number, word]));

/** typeNumber gives the number of a type's name, `A` or `TYPE65280` (RFC 3597), in any case; a TypeError where there is none. */
export function typeNumber(word: string): number {
  const upper = word.toUpperCase();
  const number = types.get(upper) ?? Number(/^TYPE(\d{1,5})$/.exec(upper)?.[1]);
  if (!(number >= 1 && number <= 65535)) throw new TypeError(`expected a DNS type like A or TYPE65280, got "${word}"`);
  return number;
}

/** typeWord gives the name of a type's number, `TYPE65280` where it has none. */
export function typeWord(number: number): string {
  return typeWords.get(number) ?? `TYPE${number}`;
}

const classes = new Map([
  ["IN", 1],
  ["CH", 3],
]);
const classWords = new Map([...classes].map(([word, number]) => [number, word]));

/** classNumber gives the number of IN or CH; a TypeError for any other class. */
export function classNumber(word: string): number {
  const number = classes.get(word.toUpperCase());
  if (number === undefined) throw new TypeError(`expected the class IN or CH, got "${word}"`);
  return number;
}

/** classWord gives the name of a class's number, `CLASS4` (RFC 3597) where it has none here. */
export function classWord(number: number): string {
  return classWords.get(number) ?? `CLASS${number}`;
}

const rcodeWords = new Map(
  [
    ...["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH"],
    ...["NOTZONE", "DSOTYPENI", "", "", "", "", "BADVERS", "BADKEY", "BADTIME", "BADMODE", "BADNAME", "BADALG"],
    ...["BADTRUNC", "BADCOOKIE"],
  ]
    .map((word, number) => [number, word] as const)
    .filter(([, word]) => word !== ""),
);
const rcodes = new Map([...rcodeWords].map(([number, word]) => [word, number]));

/** rcodeNumber gives the number, 0-4095, of an rcode's name, `REFUSED` or `RCODE3841`; a TypeError where there is none. */
export function rcodeNumber(word: string): number {
  const upper = word.toUpperCase();
  const number = rcodes.get(upper) ?? Number(/^RCODE(\d{1,4})$/.exec(upper)?.[1]);
  if (!(number >= 0 && number <= 4095)) throw new TypeError(`expected an rcode like NOERROR, got "${word}"`);
  return number;
}

/** rcodeWord gives the name of an rcode's number (with its extended bits, RFC 6891), `RCODE3841` where it has none. */
export function rcodeWord(number: number): string {
  return rcodeWords.get(number) ?? `RCODE${number}`;
}

const flagBits = { aa: 0x400, tc: 0x200, rd: 0x100, ra: 0x80, ad: 0x20, cd: 0x10 } as const;

/** Flag is a bit of the DNS header's second word. */
export type Flag = keyof typeof flagBits;

/** flagWords gives the names of the flags that are set in a header's second word. */
export function flagWords(bits: number): Flag[] {
  return (Object.keys(flagBits) as Flag[]).filter((flag) => bits & flagBits[flag]);
}

/** flagNumber gives the bits of flags, as they stand in a header's second word. */
export function flagNumber(flags: readonly Flag[]): number {
  return flags.reduce((bits, flag) => bits | flagBits[flag], 0);
}

// DNS on the wire: the one file that knows dns-packet, and what it does not do. dns-packet encodes whatever it is given, so
// names and types are validated here; and it gives up on a whole message for one odd record, so the message is walked here
// and dns-packet reads only names and rdata: a record that it cannot read must not look like a dead service.
import { randomBytes } from "node:crypto";
import { isIP } from "node:net";
import packet from "dns-packet";
import { classNumber, classWord, type Flag, flagWords, rcodeWord, typeNumber, typeWord } from "./dns-word.js";
import type { DnsQuery } from "./query.js";
import { genericRdata, printable, printableText, rdataFormats } from "./rdata.js";
import { addressBytes, familyOf } from "./target.js";

/** headerLength is how many octets come before the question (RFC 1035, 4.1.1). */
export const headerLength = 12;
const optType = 41;
const longestName = 255;
const nsidOption = 3;
const subnetOption = 8;
const cookieOption = 10;
const clientCookieLength = 8;
const doBit = 0x8000;

interface Reader {
  (octets: Buffer, offset: number): unknown;
  /** How many octets the last call read. */
  readonly bytes: number;
}
// The types of dns-packet know neither these nor rcodes and options by number.
const codecs = packet as unknown as {
  readonly name: { readonly decode: Reader };
  record(type: string): { readonly decode: Reader };
};

/** Answer is what a DNS answer says. */
export interface Answer {
  /** Its rcode's name, with the extended bits of the OPT record. */
  readonly rcode: string;
  readonly flags: readonly Flag[];
  /** undefined where the server repeated none. */
  readonly question: { readonly name: string; readonly type: string; readonly class: string } | undefined;
  /** The answer section, in its order; when tc is set, what there is of it. */
  readonly answers: readonly { readonly type: string; readonly text: string }[];
  /** Who answered (RFC 5001), in hex where it is not printable ASCII; undefined where it was not told. */
  readonly nsid: string | undefined;
}

/** Malformed says why octets are no DNS answer. */
export interface Malformed {
  readonly malformed: string;
}

/**
 * nameLabels splits a name in presentation form (RFC 1035, 5.1; `\.` and `\046` escapes are read) into its labels.
 * It throws a TypeError or RangeError for what dns-packet would encode wrongly: labels of 0 or over 63 octets, names of over
 * 255, octets that are not printable ASCII, and a dot within a label.
 */
export function nameLabels(name: string): string[] {
  if (name === ".") return [];
  const fault = (what: string) => `name ${JSON.stringify(name)}: ${what}`;
  if (name === "") throw new TypeError(fault('expected a name, or "." for the root'));
  // Either an escape, or a dot that ends a label, or any other character.
  const labels = [""];
  for (const [token] of name.matchAll(/\\\d{3}|\\\D|[\s\S]/gu)) {
    if (token === ".") {
      labels.push("");
      continue;
    }
    if (token === "\\") throw new TypeError(fault("a backslash must be followed by three digits or another character"));
    const char = /^\\\d/.test(token) ? String.fromCodePoint(Number(token.slice(1))) : token.replace("\\", "");
    if (!/^[!-~]$/.test(char)) throw new TypeError(fault("only printable ASCII; write other names in their xn-- form"));
    if (char === ".") throw new TypeError(fault("a dot within a label cannot be asked"));
    labels[labels.length - 1] += char;
  }
  if (labels.at(-1) === "") labels.pop();
  for (const label of labels) {
    if (label.length < 1 || label.length > 63)
      throw new RangeError(fault(`labels have 1-63 octets, got ${label.length}`));
  }
  const length = labels.reduce((sum, label) => sum + 1 + label.length, 1);
  if (length > 255) throw new RangeError(fault(`at most 255 octets, got ${length}`));
  return labels;
}

/** encodeQuery gives a query's octets with that id (0-65535); a TypeError or RangeError where it cannot be asked. */
export function encodeQuery(query: DnsQuery, id: number): Uint8Array {
  const { ednsSize = 1232 } = query;
  if (!Number.isInteger(id) || id < 0 || id > 0xffff) throw new RangeError(`expected an id of 0-65535, got ${id}`);
  if (!Number.isInteger(ednsSize) || (ednsSize !== 0 && ednsSize < 512) || ednsSize > 0xffff)
    throw new RangeError(`expected an EDNS size of 0 or 512-65535, got ${ednsSize}`);
  if (ednsSize === 0 && (query.do || query.nsid || query.cookie || query.ecs !== undefined))
    throw new TypeError("do, nsid, cookie and ecs need EDNS, but ednsSize is 0");
  const klass = query.class ?? "IN";
  classNumber(klass);
  const opt = {
    type: "OPT",
    name: ".",
    udpPayloadSize: ednsSize,
    flags: query.do ? doBit : 0,
    options: ednsOptions(query),
  };
  const message = {
    id,
    type: "query",
    flags: query.rd === false ? 0 : packet.RECURSION_DESIRED,
    // By number, for it encodes names that it does not know, like HTTPS, as type 0 without a word.
    questions: [
      { name: nameLabels(query.name).join(".") || ".", type: `UNKNOWN_${typeNumber(query.type)}`, class: klass },
    ],
    additionals: ednsSize === 0 ? [] : [opt],
  };
  return Uint8Array.from(packet.encode(message as unknown as packet.Packet));
}

function ednsOptions({ nsid, cookie, ecs }: DnsQuery) {
  return [
    ...(nsid ? [{ code: nsidOption, data: Buffer.alloc(0) }] : []),
    ...(ecs === undefined ? [] : [{ code: subnetOption, data: subnetBytes(ecs) }]),
    ...(cookie ? [{ code: cookieOption, data: randomBytes(clientCookieLength) }] : []),
  ];
}

/** subnetBytes writes a client subnet: family, both prefix lengths, and as many octets of address as the prefix has. */
function subnetBytes(ecs: string): Buffer {
  const [, address = "", digits = ""] = /^([^/]*)\/(\d{1,3})$/.exec(ecs) ?? [];
  const length = Number(digits);
  if (digits === "" || !(isIP(address) > 0) || address.includes("%") || length > (isIP(address) === 4 ? 32 : 128))
    throw new TypeError(`expected a client subnet like 198.51.100.0/24, got "${ecs}"`);
  const octets = addressBytes(address).subarray(0, Math.ceil(length / 8));
  if (length % 8 > 0) octets[octets.length - 1]! &= 0xff << (8 - (length % 8));
  return Buffer.from([0, familyOf(address) === 4 ? 1 : 2, length, 0, ...octets]);
}

/**
 * expectQuestion tells how many octets after the header are the one question of a query; a TypeError where the octets are no
 * query with one (RFC 9619), whose name is whole (RFC 1035, 3.1).
 */
export function expectQuestion(query: Uint8Array): number {
  const fault = questionFault(query);
  if (typeof fault === "number") return fault;
  throw new TypeError(`expected a DNS query, got ${fault}`);
}

/** questionFault says in a few words why octets are no query with one question; the question's length where they are. */
export function questionFault(query: Uint8Array): number | string {
  const { length } = query;
  if (length < headerLength) return `${length} octets, a header has ${headerLength}`;
  if (query[2]! & 0x80) return "a response";
  const questions = (query[4]! << 8) | query[5]!;
  if (questions !== 1) return `${questions} questions`;
  let at = headerLength;
  for (let label = query[at]; label !== 0; label = query[at]) {
    if (label === undefined) return "a name that is cut off";
    if (label > 63) return "a compressed name";
    at += 1 + label;
    if (at - headerLength >= longestName) return `a name of over ${longestName} octets`;
  }
  at += 1 + 4;
  return at <= length ? at - headerLength : "a question that is cut off";
}

/** questionType gives the number of the type that a query of one question asks for. */
export function questionType(query: Uint8Array): number {
  const at = headerLength + expectQuestion(query) - 4;
  return (query[at]! << 8) | query[at + 1]!;
}

/** decodeAnswer reads an answer's octets; it does not throw, and octets after the last record are let pass. */
export function decodeAnswer(bytes: Uint8Array): Answer | Malformed {
  const octets = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (octets.length < headerLength) return { malformed: `${octets.length} octets, a header has ${headerLength}` };
  const word = octets.readUInt16BE(2);
  if ((word & 0x8000) === 0) return { malformed: "a query, not a response" };
  if ((word & 0x7800) !== 0) return { malformed: `opcode ${(word >> 11) & 15}, expected 0` };
  const flags = flagWords(word);
  const answers: { type: string; text: string }[] = [];
  let question: Answer["question"];
  let rcode = word & 15;
  let nsid: string | undefined;
  let at = headerLength;
  const need = (count: number) => {
    if (at + count > octets.length) throw new Error(`cut off at octet ${octets.length}`);
  };
  const readName = (): string => {
    const name = codecs.name.decode(octets, at) as string;
    at += codecs.name.decode.bytes;
    return name;
  };
  try {
    for (let left = octets.readUInt16BE(4); left > 0; left--) {
      const name = printableText(readName());
      need(4);
      question ??= {
        name,
        type: typeWord(octets.readUInt16BE(at)),
        class: classWord(octets.readUInt16BE(at + 2)),
      };
      at += 4;
    }
    const answerCount = octets.readUInt16BE(6);
    const recordCount = answerCount + octets.readUInt16BE(8) + octets.readUInt16BE(10);
    for (let index = 0; index < recordCount; index++) {
      readName();
      need(10);
      const type = octets.readUInt16BE(at);
      const length = octets.readUInt16BE(at + 8);
      at += 10;
      need(length);
      if (index < answerCount) answers.push({ type: typeWord(type), text: rdataText(type, octets, at, length) });
      if (type === optType) {
        rcode |= octets[at - 6]! << 4;
        nsid ??= readNsid(octets.subarray(at, at + length));
      }
      at += length;
    }
  } catch (error) {
    // A truncated message may end anywhere, and says so; what came before the cut is still true.
    if (!flags.includes("tc")) return { malformed: (error as Error).message.toLowerCase() };
  }
  return { rcode: rcodeWord(rcode), flags, question, answers, nsid };
}

/** rdataText reads the `length` octets of rdata at `at`; nothing after them is looked at, only names may point back. */
function rdataText(type: number, octets: Buffer, at: number, length: number): string {
  const word = typeWord(type);
  const format = rdataFormats.get(word);
  if (format) {
    const { decode } = codecs.record(word);
    try {
      const data = decode(octets.subarray(0, at + length), at - 2);
      if (decode.bytes === length + 2) {
        const text = format(data as never);
        return word === "TXT" ? printable(text) : printableText(text);
      }
    } catch {
      // An odd record is shown as it is: it is a wrong answer where that record was expected, and no more than that.
    }
  }
  return genericRdata(octets.subarray(at, at + length));
}

function readNsid(options: Buffer): string | undefined {
  let at = 0;
  while (at < options.length) {
    if (at + 4 > options.length) throw new Error("cut off in an EDNS option");
    const code = options.readUInt16BE(at);
    const end = at + 4 + options.readUInt16BE(at + 2);
    if (end > options.length) throw new Error("cut off in an EDNS option");
    if (code === nsidOption) {
      const text = options.toString("latin1", at + 4, end);
      return /^[\x20-\x7e]*$/.test(text) ? text : options.toString("hex", at + 4, end);
    }
    at = end;
  }
  return undefined;
}

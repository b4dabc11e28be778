// The built-in DNS server: one name, one address, UDP only. It is what the demo kills and what tests ask; it reads and
// writes octets itself, so that the prober is not tested against its own codec.
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { classNumber, rcodeNumber, typeNumber } from "../probe/dns-word.js";
import { familyOf } from "../probe/target.js";

/** The one name that there is, and its address. */
export const healthName = "health.example.com";
export const healthAddress = "198.51.100.80";
/** What the mode `wrong` says instead. */
export const wrongAddress = "198.51.100.66";

/** Mode is how it answers: servfail and wrong are alive but sick; silent takes queries and answers none. */
export type Mode = "normal" | "servfail" | "wrong" | "silent";

export interface Manner {
  readonly mode: Mode;
  /** Who answers, told to whom asks for it (RFC 5001, and id.server in class CH); undefined: it does not say. */
  readonly nsid?: string;
}

export interface AnswererOptions extends Partial<Manner> {
  readonly address: string;
  /** 0: any free one. */
  readonly port: number;
}

const headerLength = 12;
const [qr, aa, opcodeBits, rdBit] = [0x8000, 0x0400, 0x7800, 0x0100];
const [optType, nsidOption, doBit, ednsSize] = [41, 3, 0x8000, 1232];
const ttlS = 60;

interface Question {
  /** In lower case, labels joined by dots. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** The octet after it. */
  readonly end: number;
}

interface Edns {
  readonly version: number;
  readonly dnssecOk: boolean;
  readonly nsidWanted: boolean;
}

/** answer gives the octets that answer a query's; undefined where none must be sent. It never throws. */
export function answer(query: Uint8Array, { mode, nsid }: Manner): Uint8Array | undefined {
  const octets = Buffer.from(query.buffer, query.byteOffset, query.byteLength);
  // An answer to an answer could go on for ever between two servers.
  if (mode === "silent" || octets.length < headerLength || octets.readUInt16BE(2) & qr) return undefined;
  if (octets.readUInt16BE(2) & opcodeBits) return message(octets, "NOTIMP");
  let question: Question;
  let edns: Edns | undefined;
  try {
    question = readQuestion(octets);
    edns = readEdns(octets, question.end);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return message(octets, "FORMERR");
  }
  if (edns && edns.version !== 0) return message(octets, "BADVERS", { question, edns, nsid });
  if (mode === "servfail") return message(octets, "SERVFAIL", { question, edns, nsid });
  const known = rdataOf(question, mode, nsid);
  return message(octets, known.rcode, { question, edns, nsid, rdata: known.rdata });
}

function rdataOf({ name, type, class: klass }: Question, mode: Mode, nsid: string | undefined) {
  const serves = (word: string) => type === typeNumber(word) || type === typeNumber("ANY");
  if (klass === classNumber("CH") && name === "id.server" && nsid !== undefined) {
    const text = Buffer.from(nsid).subarray(0, 255);
    return { rcode: "NOERROR", rdata: serves("TXT") ? Buffer.from([text.length, ...text]) : undefined };
  }
  if (klass !== classNumber("IN")) return { rcode: "REFUSED" };
  if (name !== healthName) return { rcode: "NXDOMAIN" };
  const address = mode === "wrong" ? wrongAddress : healthAddress;
  return { rcode: "NOERROR", rdata: serves("A") ? Buffer.from(address.split(".").map(Number)) : undefined };
}

interface Content {
  readonly question: Question;
  readonly edns: Edns | undefined;
  readonly nsid: string | undefined;
  readonly rdata?: Buffer | undefined;
}

function message(query: Buffer, rcodeWord: string, content?: Content): Uint8Array {
  const rcode = rcodeNumber(rcodeWord);
  const header = Buffer.alloc(headerLength);
  query.copy(header, 0, 0, 2);
  const authoritative = rcodeWord === "NOERROR" || rcodeWord === "NXDOMAIN" ? aa : 0;
  header.writeUInt16BE(qr | (query.readUInt16BE(2) & (opcodeBits | rdBit)) | authoritative | (rcode & 15), 2);
  if (!content) return header;
  const { question, edns, nsid, rdata } = content;
  header.writeUInt16BE(1, 4);
  const parts = [header, query.subarray(headerLength, question.end)];
  if (rdata) {
    header.writeUInt16BE(1, 6);
    const type = question.class === classNumber("CH") ? "TXT" : "A";
    parts.push(record(pointerToQuestion, typeNumber(type), question.class, ttlS, rdata));
  }
  if (edns) {
    header.writeUInt16BE(1, 10);
    const options = edns.nsidWanted && nsid !== undefined ? option(nsidOption, Buffer.from(nsid)) : Buffer.alloc(0);
    parts.push(record(root, optType, ednsSize, (rcode >>> 4) * 2 ** 24 + (edns.dnssecOk ? doBit : 0), options));
  }
  return Uint8Array.from(Buffer.concat(parts));
}

const root = Buffer.from([0]);
const pointerToQuestion = Buffer.from([0xc0, headerLength]);

function record(name: Buffer, type: number, klass: number, ttl: number, rdata: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(klass, 2);
  fixed.writeUInt32BE(ttl, 4);
  fixed.writeUInt16BE(rdata.length, 8);
  return Buffer.concat([name, fixed, rdata]);
}

function option(code: number, data: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(code, 0);
  head.writeUInt16BE(data.length, 2);
  return Buffer.concat([head, data]);
}

/** Throws RangeError, as Buffer's own readers do beyond the end, where the octets are no question. */
function readQuestion(octets: Buffer): Question {
  if (octets.readUInt16BE(4) !== 1) throw new RangeError("expected one question");
  const labels: string[] = [];
  let at = headerLength;
  for (let length = octets.readUInt8(at); length > 0; length = octets.readUInt8(at)) {
    if (length > 63) throw new RangeError("a question's name has no pointers");
    labels.push(
      octets
        .toString("latin1", at + 1, at + 1 + length)
        .toLowerCase()
        .replaceAll(".", "\\."),
    );
    at += 1 + length;
  }
  if (at - headerLength > 254) throw new RangeError("a name has at most 255 octets");
  return { name: labels.join("."), type: octets.readUInt16BE(at + 1), class: octets.readUInt16BE(at + 3), end: at + 5 };
}

function readEdns(octets: Buffer, start: number): Edns | undefined {
  const before = octets.readUInt16BE(6) + octets.readUInt16BE(8);
  const count = before + octets.readUInt16BE(10);
  let edns: Edns | undefined;
  let at = start;
  for (let index = 0; index < count; index++) {
    const isRoot = octets.readUInt8(at) === 0;
    at = skipName(octets, at);
    const [type, ttl, length] = [octets.readUInt16BE(at), octets.readUInt32BE(at + 4), octets.readUInt16BE(at + 8)];
    at += 10 + length;
    if (at > octets.length) throw new RangeError("cut off");
    if (type !== optType) continue;
    if (edns || !isRoot || index < before) throw new RangeError("one OPT record at most, in its place");
    const nsidWanted = hasOption(octets.subarray(at - length, at), nsidOption);
    edns = { version: (ttl >>> 16) & 0xff, dnssecOk: (ttl & doBit) !== 0, nsidWanted };
  }
  return edns;
}

function skipName(octets: Buffer, start: number): number {
  let at = start;
  for (let length = octets.readUInt8(at); length > 0; length = octets.readUInt8(at)) {
    if (length >= 0xc0) return at + 2;
    at += 1 + length;
  }
  return at + 1;
}

function hasOption(options: Buffer, code: number): boolean {
  let found = false;
  let at = 0;
  for (; at < options.length; at += 4 + options.readUInt16BE(at + 2)) found ||= options.readUInt16BE(at) === code;
  if (at > options.length) throw new RangeError("cut off in an option");
  return found;
}

/** Answerer answers at one address until it is closed. */
export class Answerer {
  manner: Manner;
  /** How many queries came. */
  asked = 0;
  readonly #socket: Socket;

  private constructor(socket: Socket, manner: Manner) {
    this.#socket = socket;
    this.manner = manner;
    socket.on("message", (query, peer) => {
      this.asked += 1;
      const reply = answer(query, this.manner);
      // Whoever asked may be gone by now, or the address: nothing is owed to them.
      if (reply) socket.send(reply, peer.port, peer.address, () => {});
    });
  }

  /** open binds the address. Rejects as dgram does where it cannot. */
  static async open({ address, port, mode = "normal", ...rest }: AnswererOptions): Promise<Answerer> {
    const socket = createSocket(familyOf(address) === 4 ? "udp4" : "udp6");
    socket.bind(port, address);
    await once(socket, "listening");
    return new Answerer(socket, { mode, ...rest });
  }

  get port(): number {
    return this.#socket.address().port;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(resolve));
  }
}

// One DNS query over a TCP connection of its own (RFC 7766), and what came of it.
import { connect } from "node:net";
import type { Finding } from "../health/verdict.js";
import { headerLength } from "../probe/dns.js";
import { monotonicNs } from "../units.js";
import { nothing, type Tell } from "./asker.js";
import { deadline } from "./deadline.js";
import { Vigil } from "./vigil.js";

export interface TcpQuery {
  readonly address: string;
  readonly port: number;
  /** The address that the connection comes from; undefined leaves the choice to the kernel. */
  readonly source: string | undefined;
  /** A whole query, with its id. */
  readonly message: Uint8Array;
  /** Octets of its question. */
  readonly questionLength: number;
  /** From the first SYN to the last octet of the answer. */
  readonly timeoutMs: number;
}

/** Messages are told apart by the two octets of length before each (RFC 1035, 4.2.2). */
const lengthOctets = 2;

/** What errors of a connection speak of; all others are our own: no socket, no source address, no route. */
const outcomes = new Map<string | undefined, Finding["outcome"]>([
  ["ECONNREFUSED", "refused"],
  ["ECONNRESET", "closed"],
  ["EPIPE", "closed"],
  ["ETIMEDOUT", "timeout"],
  ["EHOSTUNREACH", "unreachable"],
]);

/** exchange asks at once, and tells once. The function that it gives ends it without a word. */
export function exchange(query: TcpQuery, tell: Tell): () => void {
  const { address, port, source, message, timeoutMs } = query;
  const sentNs = monotonicNs();
  const vigil = new Vigil(timeoutMs);
  const socket = connect({ host: address, port, noDelay: true, ...(source !== undefined && { localAddress: source }) });
  const chunks: Buffer[] = [];
  let [length, whole] = [0, Number.POSITIVE_INFINITY];

  const stop = () => {
    callOff();
    socket
      .removeAllListeners()
      .on("error", () => {})
      .destroy();
    return vigil.end();
  };
  const end = (outcome: Finding["outcome"], detail: Partial<Finding> = {}) => {
    const finding = { ...nothing(outcome, monotonicNs() - sentNs), ...detail };
    tell(stop() ? nothing("voided", finding.rttNs) : finding, sentNs);
  };
  const callOff = deadline(timeoutMs, () => end("timeout"));

  socket.on("connect", () =>
    socket.write(Buffer.concat([Buffer.from([message.length >> 8, message.length]), message])),
  );
  socket.on("data", (chunk) => {
    chunks.push(chunk);
    length += chunk.length;
    if (whole === Number.POSITIVE_INFINITY && length >= lengthOctets)
      whole = lengthOctets + Buffer.concat(chunks).readUInt16BE(0);
    if (length < whole) return;
    const answer = Buffer.concat(chunks).subarray(lengthOctets, whole);
    if (belongs(answer, query)) end("answered", { answer, rcode: (answer[3] ?? 0) & 15 });
    else end("foreign");
  });
  socket.on("end", () => end("closed"));
  socket.on("error", ({ code }: NodeJS.ErrnoException) =>
    end(outcomes.get(code) ?? "send-failed", { errno: code ?? 0 }),
  );
  return stop;
}

/**
 * belongs tells whether an answer is one to this query, by id and question; letters may be in any case, and an error may come
 * without a question, as over UDP. What is too short to be told is left to whoever reads it.
 */
function belongs(answer: Buffer, { message, questionLength }: TcpQuery): boolean {
  if (answer.length < headerLength) return true;
  if (answer.readUInt16BE(0) !== ((message[0]! << 8) | message[1]!)) return false;
  const questions = answer.readUInt16BE(4);
  if (questions === 0) return (answer[3]! & 15) !== 0;
  const text = (octets: Uint8Array) =>
    Buffer.from(octets.subarray(headerLength, headerLength + questionLength))
      .toString("latin1")
      .toLowerCase();
  return questions === 1 && text(answer) === text(message);
}

// DNS answers for the tests of this room, made by dns-packet, which src uses only for names and rdata when it reads them.
import packet from "dns-packet";

/** Message is what an answer is made of; types and options here are wider than those of dns-packet. */
export interface Message {
  readonly rcode?: number;
  readonly flags?: number;
  readonly question?: { readonly name: string; readonly type: string };
  readonly answers?: readonly { readonly name?: string; readonly type: string; readonly data: unknown }[];
  readonly authorities?: Message["answers"];
  readonly opt?: { readonly extendedRcode?: number; readonly options?: readonly { code: number; data: Buffer }[] };
}

/** answerBytes encodes a response; `question` defaults to health.example.com A. */
export function answerBytes(message: Message = {}): Uint8Array {
  const { question = { name: "health.example.com", type: "A" }, answers = [], authorities = [], opt } = message;
  const named = (records: NonNullable<Message["answers"]>) =>
    records.map((r) => ({ name: question.name, ttl: 1, ...r }));
  return packet.encode({
    type: "response",
    id: 7,
    flags: (message.flags ?? 0) | (message.rcode ?? 0),
    questions: [question],
    answers: named(answers),
    authorities: named(authorities),
    additionals: opt ? [{ type: "OPT", name: ".", udpPayloadSize: 1232, flags: 0, ...opt }] : [],
  } as unknown as packet.Packet);
}

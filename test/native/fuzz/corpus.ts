// What the fuzzer begins with: for each program one input of every kind that it reads well, from which it makes others. What
// the octets of an input mean stands at the head of the program.
import { loadAddon } from "../../../src/engine/addon.js";
import { compilePlan } from "../../../src/engine/compile.js";
import { compile } from "../../../src/probe/template.js";

const dns = { name: "www.example.org", type: "A", nsid: true } as const;

/** Little-endian is what the addon's tables and netlink are written in here; the wire is big-endian. */
const u16 = (value: number) => Buffer.from(Uint16Array.of(value).buffer);
const u32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
const wire16 = (value: number) => Buffer.of(value >> 8, value & 0xff);
const join = (...parts: readonly Uint8Array[]) => Buffer.concat(parts);

/** The answer that repeats a query's octets, with other flags and counts. */
function answerTo(query: Uint8Array, flags: number, questions: number): Buffer {
  const answer = Buffer.from(query);
  answer.writeUInt16BE(flags, 2);
  answer.writeUInt16BE(questions, 4);
  return answer;
}

function questions(): Buffer[] {
  const { bytes, questionLength } = compile(dns);
  const repeated = answerTo(bytes, 0x8180, 1);
  const shouted = Buffer.from(repeated.map((octet) => (octet >= 97 && octet <= 122 ? octet - 32 : octet)));
  const answers = [repeated, shouted, answerTo(bytes, 0x8185, 1), answerTo(bytes.subarray(0, 12), 0x8181, 0)];
  return answers.map((answer) => join(Buffer.of(questionLength), bytes, answer));
}

/** Three answers in one piece, with a segment's length, a stamp and a drop count; and one by itself. */
function trains(): Buffer[] {
  const { bytes, questionLength } = compile(dns);
  const answer = answerTo(bytes, 0x8180, 1);
  const query = join(Buffer.of(questionLength), bytes);
  const control = (kind: number, value: number) => join(Buffer.of(kind), wire16(0), wire16(value));
  const controls = join(Buffer.of(3), control(0, answer.length), control(2, 1000), control(1, 7));
  return [join(controls, query, answer, answer, answer.subarray(0, 20)), join(Buffer.of(0), query, answer)];
}

/** A replay whose last query is answered before the input ends: the fuzzer found it to leave nobody awake. */
const answeredReplay = Buffer.from(
  "xNRAD2QAAAMAAQgCdgAAAAcgBAAAAwABCFsDAAUQByAEAAADAAEIAgMABRAHIAQAAP0BAAUACAEDEAcgBAAAAwABCAIDAAUQByAEAAADAAEIAgMABRAHIAT/AwMAAQgCAwAFBRAHIAQAAAMAAQgCAwAFA4yaTwAwYwAAKUE=",
  "base64",
);

/** Each schedule and kind of query: some sends, an answer, three in one piece, an ICMP error, and a stamp, again and again. */
function calls(): Buffer[] {
  const plansOf = [
    [0x80, 0x40],
    [0x81, 0x41],
    [0xc4, 0x40],
    [0x88, 0x40],
    [0x82, 0x42],
    [0x06, 0x43],
  ];
  const some = [0, 0, 3, 0, 1, 8, 2, 3, 0, 5, 16, 7, 32, 4];
  const runs = plansOf.map((plan) => Buffer.of(...plan, 3, 15, 100, ...Array.from({ length: 12 }, () => some).flat()));
  return [...runs, answeredReplay];
}

function plans(): Buffer[] {
  const probes = [
    { target: { address: "198.18.0.1", port: 53 }, query: dns },
    { target: { address: "2001:db8::1", port: 53 }, query: { payload: Buffer.from("ping"), idAt: 0 } },
    { target: { address: "198.18.0.1", port: 53 }, query: { payload: Buffer.from("ping") }, intervalMs: 5 },
  ];
  const { templates, table } = compilePlan(
    { probes, schedule: { intervalMs: 100 }, timeoutMs: 1000 },
    7,
    loadAddon().layout,
  );
  return [join(wire16(templates.length), templates, table)];
}

/** UDP packets from their IP header on; IPv4's has no checksum, IPv6's a wrong one. */
function packets(): Buffer[] {
  const payload = answerTo(compile(dns).bytes, 0x8180, 1);
  const udp = join(wire16(53), wire16(40_000), wire16(8 + payload.length), wire16(0), payload);
  const addresses = Buffer.alloc(32, 1);
  const ipv4 = (length: number, fragment: number) =>
    join(
      Buffer.of(0x45, 0),
      wire16(length),
      wire16(1),
      wire16(fragment),
      Buffer.of(64, 17, 0, 0),
      addresses.subarray(24),
    );
  const ipv6 = (length: number, next: number) =>
    join(Buffer.of(0x60, 0, 0, 0), wire16(length), Buffer.of(next, 64), addresses);
  const whole4 = join(ipv4(20 + udp.length, 0x4000), udp);
  const options4 = join(Buffer.of(0x46), ipv4(24 + udp.length, 0).subarray(1), Buffer.alloc(4, 1), udp);
  const fragment4 = join(ipv4(20 + 16, 0x2000), udp.subarray(0, 16));
  const whole6 = join(ipv6(udp.length, 17), udp);
  const fragment6 = join(ipv6(8 + 16, 44), Buffer.of(17, 0, 0, 1, 0, 0, 0, 1), udp.subarray(0, 16));
  return [
    ...[whole4, options4, fragment4].flatMap((packet) => [join(Buffer.of(0), packet), join(Buffer.of(2), packet)]),
    ...[whole6, fragment6].map((packet) => join(Buffer.of(1), packet)),
  ];
}

/** A netlink message: header, body, attributes (include/uapi/linux/netlink.h). */
function message(type: number, sequence: number, body: Uint8Array, attributes: readonly [number, Uint8Array][] = []) {
  const padded = attributes.map(([kind, value]) =>
    join(u16(4 + value.length), u16(kind), value, Buffer.alloc(-value.length & 3)),
  );
  const content = join(body, ...padded);
  return join(u32(16 + content.length), u16(type), u16(2), u32(sequence), u32(0), content);
}

const done = (sequence: number) => message(3, sequence, u32(0));
const datagram = (octets: Uint8Array) => join(wire16(octets.length), octets);
const nothingQueued = wire16(0);
const eventsLost = wire16(0xffff);

function netlink(): Buffer[] {
  const address4 = Buffer.of(198, 18, 0, 1);
  const name = Buffer.from("eth0\0");
  const link = message(16, 0, join(u32(0), u32(2), u32(1), u32(0)), [[3, name]]);
  const ifaddr = join(Buffer.of(2, 32, 0, 0), u32(2));
  const address = (sequence: number) =>
    message(20, sequence, ifaddr, [
      [1, address4],
      [2, address4],
      [3, name],
      [6, Buffer.alloc(16, 0xff)],
      [8, u32(0x80)],
      [11, Buffer.of(3)],
    ]);
  const route = message(24, 0, Buffer.of(2, 32, 0, 0, 255, 97, 254, 2, 0, 0, 0, 0), [
    [1, address4],
    [4, u32(1)],
    [6, u32(1024)],
    [15, u32(255)],
  ]);
  const rule = message(32, 0, Buffer.of(2, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0), [
    [6, u32(1)],
    [10, u32(77)],
  ]);
  const socket = message(20, 0, join(Buffer.of(2, 7, 0, 0), wire16(53), wire16(0), Buffer.alloc(64)), [
    [11, Buffer.of(1)],
  ]);
  const acknowledged = [0, 1, 2].map((sequence) => message(2, sequence, join(u32(2 ** 32 - 17), Buffer.alloc(16))));
  const lists = [link, route, rule, socket].map((one) => datagram(join(one, done(0))));
  return [
    join(Buffer.of(0), lists[0]!),
    join(Buffer.of(1), lists[0]!, datagram(join(address(1), done(1)))),
    ...lists.slice(1).map((list, i) => join(Buffer.of(i + 2), list, datagram(done(1)))),
    join(Buffer.of(5), datagram(join(...acknowledged))),
    join(Buffer.of(6), ...[link, address(0), route].map(datagram), eventsLost, nothingQueued, datagram(socket)),
  ];
}

/** corpus has the first inputs of every fuzzing program, by its name. */
export const corpus: Readonly<Record<string, () => readonly Uint8Array[]>> = {
  netlink,
  plan: plans,
  question: questions,
  raw_packet: packets,
  receive: calls,
  train: trains,
};

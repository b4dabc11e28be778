// Captures: which of their packets are replayed, when, and what is said of the others.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { LoadError } from "../../src/errors.js";
import { openPcap, type PcapOptions } from "../../src/load/pcap.js";
import { type Heard, PcapReader } from "../../src/load/pcap-reader.js";
import { encodeQuery } from "../../src/probe/dns.js";
import type { WireQuery } from "../../src/probe/query.js";

const directory = mkdtempSync(join(tmpdir(), "anyprobe-pcap-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
let files = 0;
function fileOf(content: Uint8Array): string {
  const path = join(directory, `${++files}.pcap`);
  writeFileSync(path, content);
  return path;
}

const u16 = (value: number) => Buffer.of(value >> 8, value & 0xff);
const u32 = (value: number) => Buffer.concat([u16(value >>> 16), u16(value & 0xffff)]);
const query = (name: string) => Buffer.from(encodeQuery({ name, type: "A" }, 0x1111));

const udp = (payload: Buffer, port = 53) =>
  Buffer.concat([u16(40_000), u16(port), u16(8 + payload.length), u16(0), payload]);
const address4 = Buffer.of(198, 18, 0, 1, 198, 18, 0, 2);
interface Ipv4Fields {
  /** Octets of options. */
  readonly options?: number;
  /** Flags and offset of the fragment. */
  readonly place?: number;
  readonly length?: number;
}
const ipv4 = (
  datagram: Buffer,
  { options = 0, place = 0x4000, length = 20 + options + datagram.length }: Ipv4Fields = {},
) =>
  Buffer.concat([
    Buffer.of(0x45 + options / 4, 0),
    u16(length),
    u16(1),
    u16(place),
    Buffer.of(64, 17, 0, 0),
    address4,
    Buffer.alloc(options, 1),
    datagram,
  ]);
const ipv6 = (datagram: Buffer, next = 17) =>
  Buffer.concat([Buffer.of(0x60, 0, 0, 0), u16(datagram.length), Buffer.of(next, 64), Buffer.alloc(32, 1), datagram]);
const ethernet = (packet: Buffer, vlans = 0) =>
  Buffer.concat([
    Buffer.alloc(12, 2),
    ...Array.from({ length: vlans }, () => Buffer.of(0x81, 0, 0, 7)),
    u16(packet[0]! >> 4 === 4 ? 0x0800 : 0x86dd),
    packet,
  ]);

interface Packet {
  readonly atS: number;
  readonly octets: Buffer;
  /** Captured only so far. */
  readonly cut?: number;
}

/** A capture as libpcap writes it. */
function capture(packets: readonly Packet[], { link = 1, nano = false, little = true } = {}): Buffer {
  const word = (value: number) => (little ? Buffer.from(u32(value)).reverse() : u32(value));
  const head = Buffer.concat([
    word(nano ? 0xa1b23c4d : 0xa1b2c3d4),
    word(little ? 0x0004_0002 : 0x0002_0004),
    ...[0, 0, 262_144, link].map(word),
  ]);
  const records = packets.map(({ atS, octets, cut = octets.length }) => {
    const second = Math.floor(atS);
    const fraction = Math.round((atS - second) * (nano ? 1e9 : 1e6));
    return Buffer.concat([...[second, fraction, cut, octets.length].map(word), octets.subarray(0, cut)]);
  });
  return Buffer.concat([head, ...records]);
}

/** What a source has in all: names asked, and when (ns). */
async function replay(path: string, options: PcapOptions = {}, most = 1000) {
  const told: string[] = [];
  const source = await openPcap(path, { warn: (text) => told.push(text.replace(`${path}: `, "")), ...options });
  const asked: { name: string; atNs: number | undefined }[] = [];
  for (let batch = await source.next(most); batch.length > 0; batch = await source.next(most)) {
    for (const { query, atNs } of batch) asked.push({ name: nameOf((query as WireQuery).wire), atNs });
  }
  await source.close();
  return { asked, told, summary: source.summary };
}

function nameOf(wire: Uint8Array): string {
  return Buffer.from(wire.subarray(13, 13 + wire[12]!)).toString();
}

/** All that a reader finds in a stream that comes in pieces of `size`. */
function heardIn(stream: Buffer, size = stream.length, port = 53) {
  const reader = new PcapReader(port);
  const heard: Heard[] = [];
  for (let at = 0; at < stream.length; at += size) {
    const piece = Buffer.from(stream.subarray(at, at + size));
    reader.push(piece);
    for (let one = reader.next(); one; one = reader.next()) heard.push(one);
    piece.fill(0xee);
  }
  return {
    heard: heard.map(({ wire, atNs }) => ({ name: nameOf(wire), atNs })),
    passed: Object.fromEntries(reader.passed),
  };
}

describe("a capture", () => {
  it("is replayed at the times of its queries, from the first on", async () => {
    const path = fileOf(
      capture([10.5, 10.500_25, 12].map((atS, i) => ({ atS, octets: ethernet(ipv4(udp(query(`q${i}.example`)))) }))),
    );
    const { asked, told, summary } = await replay(path);
    expect(asked).toEqual([
      { name: "q0", atNs: 0 },
      { name: "q1", atNs: 250_000 },
      { name: "q2", atNs: 1_500_000_000 },
    ]);
    expect(told).toEqual([]);
    expect(summary).toBe(`replay of ${files}.pcap`);
  });

  it("is replayed faster or slower, and queries to another port, where it is told so", async () => {
    const octets = ethernet(ipv4(udp(query("q.example"), 5353)));
    const path = fileOf(capture([1, 2, 4].map((atS) => ({ atS, octets }))));
    const times = async (speed: number) => (await replay(path, { port: 5353, speed })).asked.map(({ atNs }) => atNs);
    expect(await times(2)).toEqual([0, 0.5e9, 1.5e9]);
    expect(await times(0.1)).toEqual([0, 10e9, 30e9]);
  });

  it("in disorder is put in order within a batch, and never goes back between batches", async () => {
    const times = [5, 3, 4, 9, 8, 1];
    const octets = (i: number) => ethernet(ipv4(udp(query(`q${i}.example`))));
    const path = fileOf(capture(times.map((atS, i) => ({ atS, octets: octets(i) }))));
    const seconds = async (most: number) =>
      (await replay(path, {}, most)).asked.map(({ name, atNs }) => [name, atNs! / 1e9]);
    expect(await seconds(3)).toEqual([
      ["q1", 0],
      ["q2", 1],
      ["q0", 2],
      ["q5", 2],
      ["q4", 5],
      ["q3", 6],
    ]);
    expect((await seconds(6)).map(([name]) => name)).toEqual(["q5", "q1", "q2", "q0", "q4", "q3"]);
  });

  it("tells what was passed over that might have been a query", async () => {
    const good = query("q.example");
    const response = Buffer.from(good);
    response[2]! |= 0x80;
    const update = Buffer.from(good);
    update[2]! |= 5 << 3;
    const packets = [
      ethernet(ipv4(udp(good))),
      ethernet(ipv4(udp(good), { place: 0x2000 })),
      ethernet(ipv4(udp(response))),
      ethernet(ipv4(udp(update))),
      ethernet(ipv4(udp(Buffer.from("garbage")))),
      ethernet(ipv4(udp(good, 54))),
      Buffer.alloc(60),
    ].map((octets) => ({ atS: 1, octets }));
    const { asked, told } = await replay(fileOf(capture([...packets, { ...packets[0]!, cut: 60 }])));
    expect(asked).toHaveLength(1);
    expect(told).toEqual([
      "passed over (fragment: 1, response: 1, no standard query: 1, no DNS query: 1, cut off by the capture: 1)",
    ]);
  });

  it("that ends in the midst of a packet is good until there", async () => {
    const packet = { atS: 1, octets: ethernet(ipv4(udp(query("q.example")))) };
    const { asked, told } = await replay(fileOf(capture([packet, packet]).subarray(0, -10)));
    expect(asked).toHaveLength(1);
    expect(told).toEqual([expect.stringMatching(/truncated/)]);
  });

  it("can be left before its end", async () => {
    const packet = { atS: 1, octets: ethernet(ipv4(udp(query("q.example")))) };
    const source = await openPcap(fileOf(capture(Array.from({ length: 20_000 }, () => packet))));
    expect(await source.next(10)).toHaveLength(10);
    await source.close();
    await source.close();
    expect(await source.next(10)).toEqual([]);
  });

  it.each<[string, () => string, object]>([
    [
      "that is not there",
      () => join(directory, "none"),
      { code: "ERR_LOAD_INPUT", message: /could not be read \(ENOENT\)/ },
    ],
    [
      "that is text",
      () => fileOf(Buffer.from("no capture".repeat(20))),
      { code: "ERR_LOAD_INPUT", message: /unknown file format/ },
    ],
    ["that is empty", () => fileOf(Buffer.alloc(0)), { code: "ERR_LOAD_INPUT", message: /truncated/ }],
    [
      "without packets",
      () => fileOf(capture([])),
      { code: "ERR_LOAD_QUERIES", message: /expected one query at least, got none$/ },
    ],
    [
      "without queries",
      () => fileOf(capture([{ atS: 1, octets: ethernet(ipv4(udp(Buffer.from("x")))) }])),
      { code: "ERR_LOAD_QUERIES", message: /got none \(no DNS query: 1\)$/ },
    ],
    [
      "of another kind of link",
      () => fileOf(capture([], { link: 105 })),
      { code: "ERR_LOAD_INPUT", message: /expected a capture of link type .*, got 105$/ },
    ],
  ])("%s is an error", async (_, path, expected) => {
    const error = await openPcap(path()).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(LoadError);
    const { code, message } = expected as { code: string; message: RegExp };
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it("needs tcpdump", async () => {
    const { PATH } = process.env;
    process.env["PATH"] = directory;
    try {
      const error = await openPcap(fileOf(capture([]))).catch((error: unknown) => error);
      expect(error).toMatchObject({
        code: "ERR_LOAD_MISSING",
        message: expect.stringMatching(/tcpdump.* not installed$/),
      });
    } finally {
      process.env["PATH"] = PATH;
    }
  });

  it.each([{ port: 0 }, { port: 65_536 }, { speed: 0 }, { speed: Number.NaN }])(
    "is not replayed with %j",
    async (options) => {
      await expect(openPcap("-", options)).rejects.toThrow(RangeError);
    },
  );
});

describe("a pcap reader", () => {
  const good = query("q.example");
  const [packet4, packet6] = [ipv4(udp(good)), ipv6(udp(good))];
  const headed = (length: number, at: number, type: number, packet: Buffer) => {
    const head = Buffer.alloc(length);
    head.writeUInt16BE(type, at);
    return Buffer.concat([head, packet]);
  };
  const fragment6 = (place: number) => ipv6(Buffer.concat([Buffer.of(17, 0), u16(place), u32(1), udp(good)]), 44);

  it.each<[string, number, Buffer]>([
    ["Ethernet, IPv4", 1, ethernet(packet4)],
    ["Ethernet, IPv6", 1, ethernet(packet6)],
    ["a VLAN", 1, ethernet(packet4, 1)],
    ["IPv4 options", 1, ethernet(ipv4(udp(good), { options: 12 }))],
    ["padding", 1, Buffer.concat([ethernet(packet4), Buffer.alloc(20)])],
    ["a length that was left to the network card", 1, ethernet(ipv4(udp(good), { length: 0 }))],
    ["an IPv6 fragment that is all there is", 1, ethernet(fragment6(0))],
    ["Linux cooked, IPv4", 113, headed(16, 14, 0x0800, packet4)],
    ["Linux cooked 2, IPv6", 276, headed(20, 0, 0x86dd, packet6)],
    ["raw IPv4", 101, packet4],
    ["raw IPv6", 101, packet6],
    ["IPv4", 228, packet4],
    ["IPv6", 229, packet6],
    ["loopback", 0, Buffer.concat([Buffer.of(2, 0, 0, 0), packet4])],
    ["OpenBSD loopback", 108, Buffer.concat([Buffer.of(0, 0, 0, 24), packet6])],
  ])("finds a query in %s", (_, link, octets) => {
    expect(heardIn(capture([{ atS: 3, octets }], { link }))).toEqual({ heard: [{ name: "q", atNs: 0 }], passed: {} });
  });

  it.each<[string, Buffer]>([
    ["a later fragment", ethernet(ipv4(udp(good), { place: 0x0010 }))],
    ["a later IPv6 fragment", ethernet(fragment6(8))],
    ["TCP", ethernet(Buffer.from(packet4).fill(6, 9, 10))],
    ["ARP", headed(14, 12, 0x0806, packet4)],
    ["nothing", Buffer.alloc(0)],
  ])("passes over %s without a word", (_, octets) => {
    expect(heardIn(capture([{ atS: 3, octets }]))).toEqual({ heard: [], passed: {} });
  });

  it.each([
    [false, true],
    [false, false],
    [true, true],
    [true, false],
  ])("reads stamps in ns (%j) and the octets of words in either order (%j)", (nano, little) => {
    const octets = ethernet(packet4);
    const stream = capture(
      [
        { atS: 1_700_000_000.25, octets },
        { atS: 1_700_000_001.5, octets },
      ],
      { nano, little },
    );
    expect(heardIn(stream).heard.map(({ atNs }) => atNs)).toEqual([0.25e9, 1.5e9]);
  });

  it("refuses a packet of impossible length", () => {
    const stream = capture([{ atS: 1, octets: ethernet(packet4) }]);
    stream.writeUInt32LE(0xffff_ffff, 24 + 8);
    expect(() => heardIn(stream)).toThrow("expected a packet of 262144 octets at most, got 4294967295");
  });

  const octets = fc.oneof(
    fc.constantFrom(ethernet(packet4), ethernet(packet6), ethernet(packet4, 1), ethernet(fragment6(1))),
    fc.uint8Array({ maxLength: 120 }).map((bytes) => Buffer.from(bytes)),
  );
  const scribbled = fc
    .tuple(
      fc.array(octets, { maxLength: 5 }),
      fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { maxLength: 12 }),
      fc.constantFrom(0, 1, 101, 108, 113, 228, 276),
    )
    .map(([packets, changes, link]) => {
      const stream = capture(
        packets.map((octets, i) => ({ atS: i, octets })),
        { link },
      );
      for (const [at, to] of changes) if (at < stream.length) stream[at] = to;
      return stream;
    });

  it("reads or refuses any octets, alike in pieces of any size", () => {
    const outcome = (stream: Buffer, size: number) => {
      try {
        return heardIn(stream, size);
      } catch (error) {
        expect((error as Error).message).toMatch(/^expected a (pcap file|capture|packet)/);
        return (error as Error).message;
      }
    };
    fc.assert(
      fc.property(
        fc.oneof(
          scribbled,
          fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
        ),
        fc.integer({ min: 1, max: 99 }),
        (stream, size) => {
          expect(outcome(stream, size)).toEqual(outcome(stream, Math.max(1, stream.length)));
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe("whatever a capture's file has", () => {
  it("it is replayed or refused, and ends", { timeout: 60_000 }, async () => {
    const packets = Array.from({ length: 3 }, (_, i) => ({
      atS: i,
      octets: ethernet(ipv4(udp(query(`q${i}.example`)))),
    }));
    const whole = capture(packets);
    const change = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(change, fc.nat(whole.length), async (changes, length) => {
        const content = Buffer.from(whole);
        for (const [at, to] of changes) content[at] = to;
        try {
          const { asked } = await replay(fileOf(content.subarray(0, length)));
          for (const { atNs } of asked) expect(atNs).toBeGreaterThanOrEqual(0);
        } catch (error) {
          expect(error).toBeInstanceOf(LoadError);
        }
      }),
      { numRuns: 60 },
    );
  });
});

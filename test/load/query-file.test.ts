// Query files: what is asked, what is skipped and how that is told, and that whatever a file has, it is read or refused.
import { execFileSync } from "node:child_process";
import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { LoadError } from "../../src/errors.js";
import type { FileOptions } from "../../src/load/file-source.js";
import { openQueryFile } from "../../src/load/query-file.js";
import type { QuerySource } from "../../src/load/query-source.js";
import { openWireFile } from "../../src/load/wire-file.js";
import { encodeQuery } from "../../src/probe/dns.js";
import type { DnsQuery, WireQuery } from "../../src/probe/query.js";
import type { QueryForm } from "../../src/probe/query-writer.js";

const directory = mkdtempSync(join(tmpdir(), "anyprobe-queries-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
let files = 0;
function fileOf(content: string | Uint8Array): string {
  const path = join(directory, `${++files}.txt`);
  writeFileSync(path, content);
  return path;
}
const hexOf = (query: unknown) => Buffer.from((query as WireQuery).wire).toString("hex");
const encoded = (...queries: DnsQuery[]) => queries.map((query) => Buffer.from(encodeQuery(query, 0)).toString("hex"));

/** All queries until the source's end, in batches of `most`. */
async function drain(source: QuerySource, most = 1000): Promise<string[]> {
  const all: string[] = [];
  for (;;) {
    const asked = await source.next(most);
    expect(asked.length).toBeLessThanOrEqual(most);
    if (asked.length === 0) break;
    all.push(...asked.map(({ query }) => hexOf(query)));
  }
  await source.close();
  return all;
}

/** What a file asks once through, and what is told of it. */
async function read(content: string | Uint8Array, form: QueryForm = {}, options: FileOptions = {}) {
  const told: string[] = [];
  const path = fileOf(content);
  const warn = (text: string) => told.push(text.replace(`${path}: `, ""));
  const source = await openQueryFile(path, form, { once: true, warn, ...options });
  return { queries: await drain(source), told };
}

/** A stream that gives octets in pieces of such sizes, and writes over each as soon as the next is wanted. */
async function* inPieces(octets: Uint8Array, sizes: readonly number[]) {
  for (let at = 0, i = 0; at < octets.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length] ?? octets.length);
    const piece = Buffer.from(octets.subarray(at, at + size));
    yield piece;
    piece.fill(0x2e);
    at += size;
  }
}

describe("a query file", () => {
  it("has a name and a type on each line, beside comments and blank lines", async () => {
    const { queries, told } = await read(
      "; a comment\nwww.example.com A\n\n  \t \n\twww.example.com.   aaaa \r\n;x\nexample.com\tTYPE65280\n. NS",
    );
    expect(told).toEqual([]);
    expect(queries).toEqual(
      encoded(
        { name: "www.example.com", type: "A" },
        { name: "www.example.com", type: "AAAA" },
        { name: "example.com", type: "TYPE65280" },
        { name: ".", type: "NS" },
      ),
    );
  });

  it("may ask for EDNS, and for DNSSEC, on a line of its own", async () => {
    const www = { name: "www.example.com", type: "A" };
    const lines = "www.example.com A\nwww.example.com A E\nwww.example.com A D\n";
    expect((await read(lines, { ednsSize: 0 })).queries).toEqual(
      encoded({ ...www, ednsSize: 0 }, { ...www, ednsSize: 1232 }, { ...www, ednsSize: 1232, do: true }),
    );
    const form = { ednsSize: 4096, class: "CH", rd: false, nsid: true, ecs: "198.51.100.0/24" } as const;
    expect((await read(lines, form)).queries).toEqual(
      encoded({ ...www, ...form }, { ...www, ...form }, { ...www, ...form, do: true }),
    );
  });

  it("is refused a form that cannot be asked", async () => {
    await expect(openQueryFile(fileOf("a A\n"), { ednsSize: 0, nsid: true })).rejects.toThrow(TypeError);
  });

  it("tells of each line that is skipped, and why", async () => {
    const { queries, told } = await read(
      `ok.example A\na..b A\nwww.example.com\nwww.example.com XYZ\nwww.example.com A F\nwww.example.com A D E\n\x1b[31m A\nb\xfccher.example A\n${"x".repeat(5000)} A\nfine.example A\n`,
    );
    expect(queries).toEqual(encoded({ name: "ok.example", type: "A" }, { name: "fine.example", type: "A" }));
    expect(told).toEqual([
      'line 2: name "a..b": labels have 1-63 octets, got 0; skipped',
      'line 3: expected a name and a type, got "www.example.com"; skipped',
      'line 4: expected a DNS type like A or TYPE65280, got "XYZ"; skipped',
      'line 5: expected E, D or nothing after the type, got "F"; skipped',
      'line 6: expected E, D or nothing after the type, got "D E"; skipped',
      expect.stringMatching(/^line 7: name "\\u001b\[31m": only printable ASCII/),
      expect.stringMatching(/^line 8: name "b\\u\{fc\}cher\.example": only printable ASCII/),
      "line 9: expected 4096 octets at most, got a longer line; skipped",
    ]);
  });

  it("tells of ten lines, and how many more there were, once however often it is read", async () => {
    const told: string[] = [];
    const path = fileOf(`good.example A\n${"bad\n".repeat(25)}`);
    const source = await openQueryFile(path, {}, { warn: (text) => told.push(text) });
    for (let i = 0; i < 5; i++) expect(await source.next(10)).toHaveLength(1);
    await source.close();
    await source.close();
    expect(told).toHaveLength(11);
    expect(told.at(-1)).toBe(`${path}: 15 more lines skipped`);
  });

  it.each<[string, string]>([
    ["", ""],
    [";only\n; comments\n\n", ""],
    ["bad\nworse\n", ' (line 1: expected a name and a type, got "bad")'],
  ])("without a query is an error: %j", async (content, why) => {
    const path = fileOf(content);
    const error = await openQueryFile(path).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(LoadError);
    expect(error).toMatchObject({
      code: "ERR_LOAD_QUERIES",
      message: `${path}: expected one query at least, got none${why}`,
      file: path,
      line: why ? 1 : undefined,
    });
  });

  it.each([
    ["that is not there", () => join(directory, "none"), "ENOENT"],
    ["that is a directory", () => directory, "EISDIR"],
  ])("%s is an error", async (_, path, errno) => {
    await expect(openQueryFile(path())).rejects.toMatchObject({
      code: "ERR_LOAD_INPUT",
      message: `${path()}: could not be read (${errno})`,
    });
  });

  it("that is short is held whole, and repeats", async () => {
    const path = fileOf("a.example A\nb.example A\nc.example A\n");
    const source = await openQueryFile(path);
    const all = encoded(...["a", "b", "c"].map((label) => ({ name: `${label}.example`, type: "A" })));
    expect(source.repeats?.map(hexOf)).toEqual(all);
    expect(source.summary).toBe(`${files}.txt (3 queries)`);
    const got: string[] = [];
    while (got.length < 8) got.push(...(await source.next(2)).map(({ query }) => hexOf(query)));
    expect(got.slice(0, 7)).toEqual([...all, ...all, all[0]]);
    await source.close();
  });

  it("read once has an end, and repeats nothing", async () => {
    const source = await openQueryFile(fileOf("a.example A\nb.example A\n"), {}, { once: true });
    expect(source.repeats).toBeUndefined();
    expect(await drain(source, 1)).toHaveLength(2);
    expect(await source.next(5)).toEqual([]);
  });

  it.each([65_536, 65_537])("of %i queries is held or streamed, in its order, again and again", async (count) => {
    const path = fileOf(Array.from({ length: count }, (_, i) => `h${i}.example A\n`).join(""));
    const source = await openQueryFile(path, { ednsSize: 0 });
    expect(source.repeats?.length).toBe(count === 65_536 ? count : undefined);
    expect(source.summary).toBe(count === 65_536 ? `${files}.txt (65,536 queries)` : `${files}.txt`);
    for (let i = 0; i < 2.5 * count; ) {
      const asked = await source.next(7001);
      expect(asked.length).toBeGreaterThan(0);
      for (const { query } of asked) {
        const { wire } = query as WireQuery;
        const label = Buffer.from(wire.subarray(13, 13 + wire[12]!)).toString();
        // One expect for each of them would take seconds.
        if (label !== `h${i % count}`) expect([i, label]).toEqual([i, `h${i % count}`]);
        i++;
      }
    }
    await source.close();
  });

  it("may come from standard input, and repeats where it is short", async () => {
    const input = () => Readable.from([Buffer.from("a.example A\nb.ex"), Buffer.from("ample A\n")]);
    const source = await openQueryFile("-", {}, { standardInput: input() });
    expect(source.repeats).toHaveLength(2);
    expect(source.summary).toBe("standard input (2 queries)");
    await source.close();
  });

  it("from a pipe is read once, where it is long", async () => {
    const pipe = join(directory, "pipe");
    execFileSync("mkfifo", [pipe]);
    const writer = createWriteStream(pipe);
    writer.end("h.example A\n".repeat(70_000));
    const source = await openQueryFile(pipe);
    expect(source.repeats).toBeUndefined();
    expect(await drain(source, 4096)).toHaveLength(70_000);
  });

  it("that loses its queries while it is read is an error, not an endless search", async () => {
    const path = fileOf("h.example A\n".repeat(70_000));
    const source = await openQueryFile(path);
    writeFileSync(path, "; nothing more\n");
    await expect(
      (async () => {
        for (let i = 0; i < 100; i++) await source.next(4096);
      })(),
    ).rejects.toMatchObject({ code: "ERR_LOAD_QUERIES" });
    await source.close();
  });

  it("of a million lines streams: what is held does not grow with it", { timeout: 60_000 }, async () => {
    const path = join(directory, "million");
    const lines = (from: number) =>
      Array.from({ length: 10_000 }, (_, i) => `host-${from + i}.sub${i % 97}.example.com AAAA\n`).join("");
    writeFileSync(path, "");
    for (let from = 0; from < 1_000_000; from += 10_000) writeFileSync(path, lines(from), { flag: "a" });
    const source = await openQueryFile(path, {}, { once: true });
    let count = 0;
    let [least, most] = [Number.POSITIVE_INFINITY, 0];
    for (let asked = await source.next(16_384); asked.length > 0; asked = await source.next(16_384)) {
      count += asked.length;
      const { heapUsed, external } = process.memoryUsage();
      least = Math.min(least, heapUsed + external);
      most = Math.max(most, heapUsed + external);
    }
    await source.close();
    expect(count).toBe(1_000_000);
    // All of them at once would be 250 MiB and more.
    expect((most - least) / 2 ** 20).toBeLessThan(150);
  });
});

describe("whatever a query file has", () => {
  const word = fc.oneof(
    fc.constantFrom(
      "www.example.com",
      ".",
      "a..b",
      "A",
      "AAAA",
      "TYPE1",
      "E",
      "D",
      ";",
      "\0",
      "\\",
      "\\046",
      "x".repeat(300),
    ),
    fc.string({ maxLength: 12 }),
  );
  const line = fc
    .tuple(fc.array(word, { maxLength: 4 }), fc.constantFrom(" ", "\t", "  "))
    .map(([words, blank]) => words.join(blank));
  const content = fc.oneof(
    fc.array(line, { maxLength: 30 }).map((lines) => Buffer.from(lines.join("\n"))),
    fc.uint8Array({ maxLength: 2000 }).map((octets) => Buffer.from(octets)),
    fc.integer({ min: 4000, max: 20_000 }).map((length) => Buffer.from(`a A\n${"y".repeat(length)} A\nb A\n`)),
  );

  it("it is read alike in pieces of any size, to its end, every line asked, skipped or blank", async () => {
    await fc.assert(
      fc.asyncProperty(
        content,
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 5 }),
        async (octets, sizes) => {
          const once = async (pieces: readonly number[]) => {
            const told: string[] = [];
            const options = {
              once: true,
              warn: (text: string) => told.push(text),
              standardInput: inPieces(octets, pieces),
            };
            try {
              return { queries: await drain(await openQueryFile("-", {}, options), 7), told };
            } catch (error) {
              expect(error).toBeInstanceOf(LoadError);
              return { message: (error as Error).message, told };
            }
          };
          const whole = await once([octets.length]);
          expect(await once(sizes)).toEqual(whole);
          for (const text of whole.told) {
            expect(text).toMatch(/^[ -~…]*$/);
            expect(text.length).toBeLessThan(300);
          }
          // Counted by hand: lines that have a word, and are no comments.
          const lines = octets
            .toString("latin1")
            .split("\n")
            .filter((line) => line[0] !== ";" && /[^ \t\r]/.test(line));
          const more = Number(/: (\d+) more lines? skipped/.exec(whole.told.at(-1) ?? "")?.[1] ?? 0);
          const skipped = Math.min(10, whole.told.length) + more;
          expect((whole.queries?.length ?? 0) + skipped).toBe(lines.length);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("a line of a megabyte is skipped, and the next one is read", async () => {
    const { queries, told } = await read(`${"z".repeat(1 << 20)} A\nok.example A\n${"\0".repeat(1 << 20)}`);
    expect(queries).toEqual(encoded({ name: "ok.example", type: "A" }));
    expect(told.map((text) => text.split(":")[0])).toEqual(["line 1", "line 3"]);
  });
});

describe("a wire file", () => {
  const framed = (...messages: Uint8Array[]) =>
    Buffer.concat(messages.flatMap((message) => [Buffer.of(message.length >> 8, message.length & 0xff), message]));
  const [one, other] = [
    encodeQuery({ name: "one.example", type: "A", do: true }, 0x1234),
    encodeQuery({ name: "other.example", type: "TXT", ednsSize: 0 }, 7),
  ] as const;

  async function readWire(content: Uint8Array, sizes?: readonly number[]) {
    const told: string[] = [];
    const options = { once: true, warn: (text: string) => told.push(text) };
    const input = sizes ? { standardInput: inPieces(content, sizes) } : {};
    const source = await openWireFile(sizes ? "-" : fileOf(content), { ...options, ...input });
    return { queries: await drain(source), told: told.map((text) => text.replace(/^.*?: /, "")) };
  }

  it("has messages with their lengths, which are asked as they are", async () => {
    const { queries, told } = await readWire(framed(one, other, one));
    expect(queries).toEqual([one, other, one].map((wire) => Buffer.from(wire).toString("hex")));
    expect(told).toEqual([]);
  });

  it("tells of messages that are no queries, and of one that is cut off", async () => {
    const response = Buffer.from(one);
    response[2]! |= 0x80;
    const file = framed(response, new Uint8Array(), one, Buffer.alloc(65_535), one.subarray(0, 20));
    const { queries, told } = await readWire(Buffer.concat([file, Buffer.of(0, 50, 1)]));
    expect(queries).toHaveLength(1);
    expect(told).toEqual([
      "message 1: expected a DNS query, got a response; skipped",
      "message 2: expected a DNS query, got 0 octets, a header has 12; skipped",
      "message 4: expected a DNS query, got 65535 octets; skipped",
      "message 5: expected a DNS query, got a name that is cut off; skipped",
      "message 6: expected two octets of length and 50 of message, got 3; skipped",
    ]);
  });

  it("that is a query file of text is an error", async () => {
    await expect(openWireFile(fileOf("www.example.com A\n".repeat(5)))).rejects.toMatchObject({
      code: "ERR_LOAD_QUERIES",
      message: expect.stringContaining("message 1: expected two octets of length and 30583 of message, got 90"),
    });
  });

  it("whatever it has, is read alike in pieces of any size, to its end", async () => {
    const message = fc.oneof(fc.constantFrom(one, other), fc.uint8Array({ maxLength: 60 }));
    const content = fc.oneof(
      fc.array(message, { maxLength: 12 }).map((messages) => framed(...messages)),
      fc.uint8Array({ maxLength: 500 }).map((octets) => Buffer.from(octets)),
    );
    await fc.assert(
      fc.asyncProperty(content, fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), async (octets, sizes) => {
        const once = (pieces: readonly number[]) =>
          readWire(octets, pieces).catch((error: unknown) => {
            expect(error).toBeInstanceOf(LoadError);
            return (error as Error).message;
          });
        expect(await once(sizes)).toEqual(await once([octets.length]));
      }),
      { numRuns: 300 },
    );
  });
});

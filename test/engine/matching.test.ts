// Which packet ends which probe: only the true answer, by socket, peer, id and question. All else is counted.
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { flag } from "../../src/engine/batch.js";
import type { CounterName } from "../../src/engine/engine.js";
import { encodeQuery } from "../../src/probe/dns.js";
import { type Answerer, answerTo, echo, type Handler, reply, startAnswerer } from "../support/answerer.js";
import { question, Recorder } from "../support/engine.js";

const open: Answerer[] = [];
const start = async (...args: Parameters<typeof startAnswerer>) => {
  const answerer = await startAnswerer(...args);
  open.push(answerer);
  return answerer;
};
afterEach(async () => {
  await Promise.all(open.splice(0).map((answerer) => answerer.close()));
});

/** Asks a target `count` times and gives what came of it. */
async function ask(handler: Handler, count = 5, query: object = question, timeoutMs = 400) {
  const target = await start(handler);
  const recorder = new Recorder();
  recorder.submit({ probes: [{ target, query: query as never }], schedule: { rateQps: 500, count }, timeoutMs });
  await recorder.until(count);
  const { counters, tally } = recorder.stop();
  return { counters, tally, rows: recorder.rows };
}

const xorId = (octets: Buffer, by: number) => {
  octets.writeUInt16BE(octets.readUInt16BE(0) ^ by, 0);
  return octets;
};
const stranger = await startAnswerer();

describe("a packet that is not the answer ends no probe and is counted", () => {
  test.each<[string, CounterName, (query: Buffer) => Buffer]>([
    ["with another id", "late", (query) => xorId(answerTo(query), 1)],
    [
      "with another name",
      "foreign",
      (query) => {
        const answer = answerTo(query);
        answer[13]! ^= 0x01;
        return answer;
      },
    ],
    [
      "with another type",
      "foreign",
      (query) => {
        const answer = answerTo(query);
        // The question ends 4 octets after its name: type, class.
        answer[12 + "health.example.com".length + 2 + 1]! ^= 0x0c;
        return answer;
      },
    ],
    [
      "with two questions",
      "foreign",
      (query) => {
        const answer = answerTo(query);
        answer[5] = 2;
        return answer;
      },
    ],
    [
      "with a NOERROR and no question",
      "foreign",
      (query) => {
        const answer = answerTo(query);
        answer[5] = 0;
        return answer;
      },
    ],
    ["cut within the question", "foreign", (query) => answerTo(query).subarray(0, 20)],
    ["that is a query itself", "malformed", (query) => query],
    ["of one octet", "malformed", () => Buffer.from([1])],
    ["of no octets", "malformed", () => Buffer.alloc(0)],
    ["cut within the header", "malformed", (query) => answerTo(query).subarray(0, 11)],
  ])("%s", async (_, counter, forge) => {
    const { counters, tally } = await ask((query, peer, socket) => reply(forge(Buffer.from(query)), peer, socket));
    expect(tally).toEqual({ timeout: 5 });
    expect(counters[counter]).toBe(5);
    expect(counters.late + counters.foreign + counters.malformed).toBe(5);
  });

  test("from another peer, with the right id and question", async () => {
    const { counters, tally } = await ask((query, peer) => reply(answerTo(query), peer, stranger.socket));
    expect(tally).toEqual({ timeout: 5 });
    expect(counters).toMatchObject({ foreign: 5, late: 0, malformed: 0 });
  });
});

test("the answer counts even after forgeries of all kinds", async () => {
  const { counters, tally } = await ask((query, peer, socket) => {
    reply(xorId(answerTo(query), 2), peer, socket);
    reply(answerTo(query), peer, stranger.socket);
    reply(Buffer.from("garbage"), peer, socket);
    setTimeout(() => echo(query, peer, socket), 5);
  });
  expect(tally).toEqual({ answered: 5 });
  expect(counters.foreign).toBe(5);
  expect(counters.late).toBe(10);
});

test("an answer that comes twice ends its probe once and counts as late the second time", async () => {
  const { counters, tally } = await ask((query, peer, socket) => {
    echo(query, peer, socket);
    echo(query, peer, socket);
  }, 50);
  expect(tally).toEqual({ answered: 50 });
  expect(counters.late).toBeGreaterThanOrEqual(49);
});

test("a question in other letter case is the same question", async () => {
  const { tally } = await ask((query, peer, socket) => {
    const answer = answerTo(query);
    for (let i = 13; i < 31; i++) if (answer[i]! > 0x60 && i % 2) answer[i]! -= 0x20;
    reply(answer, peer, socket);
  });
  expect(tally).toEqual({ answered: 5 });
});

test.each([
  ["a bare header", 12],
  ["a header and an OPT record", 23],
])("an error without a question ends its probe, flagged so: %s", async (_, length) => {
  const { rows } = await ask((query, peer, socket) => {
    const answer = Buffer.alloc(length);
    answerTo(query, 1).copy(answer, 0, 0, 12);
    answer[5] = 0;
    reply(answer, peer, socket);
  });
  for (const row of rows)
    expect(row).toMatchObject({ outcome: "answered", rcode: 1, flags: flag.kernelStamp | flag.noQuestion });
});

test("questions of one target are told apart whatever the order of the answers", async () => {
  const held: (() => void)[] = [];
  const target = await start((...received) => {
    held.push(() => echo(...received));
    if (held.length === 100) for (const answer of held.reverse()) answer();
  });
  const recorder = new Recorder();
  const name = (i: number) => `host-${i}.example.com`;
  recorder.submit({
    probes: Array.from({ length: 100 }, (_, i) => ({ target, query: { name: name(i), type: "A" } })),
    schedule: { rateQps: 5000, count: 100 },
    timeoutMs: 2000,
  });
  await recorder.until(100);
  recorder.stop();
  for (const { probe, outcome, answer } of recorder.rows) {
    expect(outcome).toBe("answered");
    expect(answer.toString("latin1")).toContain(name(probe).split(".")[0]);
  }
});

describe("a truncated answer", () => {
  const truncated: Handler = (query, peer, socket) => {
    const answer = answerTo(query);
    // Every other one: what follows in order must not be taken for it.
    if (query[0]! & 1) answer[2]! |= 0x02;
    reply(answer, peer, socket);
  };

  test("is flagged, and no other", async () => {
    const { rows, tally } = await ask(truncated, 200);
    expect(tally).toEqual({ answered: 200 });
    const flagged = rows.filter(({ flags }) => flags & flag.truncated);
    expect(flagged.map(({ answer }) => answer[2]! & 0x02)).toEqual(flagged.map(() => 2));
    expect(rows.filter(({ answer }) => answer[2]! & 0x02)).toEqual(flagged);
    expect(flagged.length).toBeGreaterThan(0);
  });

  test("is flagged in a train too", async () => {
    const target = await start(truncated);
    const recorder = new Recorder();
    recorder.submit({
      probes: [{ target, query: question }],
      schedule: { inflight: 64, count: 3000 },
      timeoutMs: 1000,
      ports: 2,
    });
    await recorder.until(3000);
    recorder.stop();
    const wrong = recorder.rows.filter(
      ({ outcome, flags, answer }) =>
        outcome === "answered" && Boolean(flags & flag.truncated) !== Boolean(answer[2]! & 2),
    );
    expect(wrong).toEqual([]);
    expect(recorder.tally().answered).toBeGreaterThan(2000);
  });

  test("is no matter of plain UDP", async () => {
    const { rows } = await ask(echo, 3, { payload: Buffer.alloc(20, 0xff), idAt: 4 });
    for (const { outcome, flags } of rows) expect([outcome, flags & flag.truncated]).toEqual(["answered", 0]);
  });
});

test.each([0, 100, 1232])("an answer's size is told, whatever is kept of it: %i octets", async (answerOctets) => {
  const target = await start((query, peer, socket) =>
    reply(Buffer.concat([answerTo(query), Buffer.alloc(700)]), peer, socket),
  );
  const recorder = new Recorder({ answerOctets });
  recorder.submit({ probes: [{ target, query: question }], schedule: { inflight: 32, count: 500 }, timeoutMs: 1000 });
  await recorder.until(500);
  recorder.stop();
  const size = 700 + 12 + "health.example.com".length + 2 + 4 + 11;
  for (const { outcome, answer, answerSize, flags } of recorder.rows)
    expect({ outcome, kept: answer.length, answerSize, cut: Boolean(flags & flag.cutShort) }).toEqual({
      outcome: "answered",
      kept: Math.min(size, answerOctets),
      answerSize: size,
      cut: answerOctets < size,
    });
});

test("without an answer its size is 0", async () => {
  const { rows } = await ask(() => {}, 3, question, 50);
  expect(rows.map(({ answerSize }) => answerSize)).toEqual([0, 0, 0]);
});

describe("a DNS message given as octets", () => {
  const wire = encodeQuery({ name: "Wire.example.com", type: "TXT", ednsSize: 4096, ecs: "198.51.100.0/24" }, 0x1234);

  test("is sent as it is but for its id, and answered as DNS", async () => {
    const seen: Buffer[] = [];
    const { rows, tally } = await ask(
      (query, peer, socket) => {
        seen.push(query);
        reply(answerTo(query, 3), peer, socket);
      },
      20,
      { wire },
    );
    expect(tally).toEqual({ answered: 20 });
    for (const query of seen) expect(query.subarray(2)).toEqual(Buffer.from(wire.subarray(2)));
    expect(new Set(seen.map((query) => query.readUInt16BE(0))).size).toBe(20);
    for (const { rcode } of rows) expect(rcode).toBe(3);
  });

  test("takes no answer to another question", async () => {
    const { counters, tally } = await ask(
      (query, peer, socket) => {
        const answer = answerTo(query);
        answer[14]! ^= 1;
        reply(answer, peer, socket);
      },
      3,
      { wire },
      50,
    );
    expect(tally).toEqual({ timeout: 3 });
    expect(counters.foreign).toBe(3);
  });
});

describe("plain UDP", () => {
  test("with an id is matched by it, in any order", async () => {
    const held: (() => void)[] = [];
    const query = { payload: Buffer.from("ping--payload"), idAt: 4 };
    const { rows, tally } = await ask(
      (...received) => {
        held.push(() => echo(...received));
        if (held.length === 20) for (const answer of held.reverse()) answer();
      },
      20,
      query,
      2000,
    );
    expect(tally).toEqual({ answered: 20 });
    expect(new Set(rows.map(({ answer }) => answer.readUInt16BE(4))).size).toBe(20);
    // Reversed: what was sent first was answered last, so its round trip is the longest.
    const rtts = rows.toSorted((a, b) => a.sentNs - b.sentNs).map(({ rttNs }) => rttNs);
    expect(rtts[0]).toBeGreaterThan(rtts[19]! + 30e6);
  });

  test("with an id takes no answer with another, nor one too short to carry it", async () => {
    const { counters, tally } = await ask(
      (query, peer, socket) => {
        reply(Buffer.alloc(query.length, 0xee), peer, socket);
        reply(query.subarray(0, 5), peer, socket);
      },
      4,
      { payload: Buffer.from("ping--payload"), idAt: 4 },
    );
    expect(tally).toEqual({ timeout: 4 });
    expect(counters.malformed).toBe(4);
    expect(counters.late + counters.foreign).toBe(4);
  });

  test("without an id is matched by order, each target by its own socket", async () => {
    const targets = await Promise.all(Array.from({ length: 5 }, () => start()));
    const recorder = new Recorder();
    recorder.submit({
      probes: targets.map((target, i) => ({ target, query: { payload: Buffer.from(`ping ${i}`) } })),
      schedule: { rateQps: 1000, count: 200 },
      timeoutMs: 1000,
    });
    await recorder.until(200);
    expect(recorder.stop()).toMatchObject({ tally: { answered: 200 }, counters: { sent: 200, rows: 200 } });
    for (const { probe, answer } of recorder.rows) expect(answer.toString()).toBe(`ping ${probe}`);
  });

  test("without an id takes no answer from a stranger", async () => {
    const { counters, tally } = await ask((query, peer) => reply(query, peer, stranger.socket), 3, {
      payload: Buffer.from("ping"),
    });
    expect(tally).toEqual({ timeout: 3 });
    expect(counters.foreign).toBe(3);
  });

  test("may carry no octets at all", async () => {
    const { tally } = await ask(echo, 3, { payload: new Uint8Array(0) });
    expect(tally).toEqual({ answered: 3 });
  });
});

/** What an adversary does to one query: what it sends, and whether it sends the true answer at last. */
const trick = fc.record({
  forgeries: fc.array(
    fc.oneof(
      fc.record({ flip: fc.nat({ max: 8 * 45 - 1 }) }),
      fc.record({ cut: fc.nat({ max: 34 }) }),
      fc.record({ noise: fc.uint8Array({ maxLength: 80 }) }),
      fc.constant({ stranger: true }),
      fc.constant({ earlier: true }),
    ),
    { maxLength: 5 },
  ),
  truth: fc.boolean(),
});

test("whatever an adversary sends, only the true answer ends a probe", async () => {
  // The bits that make an answer another: not those of flags, rcode and counts that are the server's to choose.
  const telling = (bit: number) => {
    const octet = bit >> 3;
    if (octet < 2 || octet === 4 || octet === 5) return true;
    if (octet === 2) return bit % 8 === 7;
    // In letters of the name, 0x20 is case.
    return octet >= 12 && octet < 12 + 20 + 4 && bit % 8 !== 5;
  };
  await fc.assert(
    fc.asyncProperty(fc.array(trick, { minLength: 1, maxLength: 40 }), async (tricks) => {
      const truths = new Set<string>();
      const history: Buffer[] = [];
      let turn = 0;
      const handler: Handler = (query, peer, socket) => {
        const { forgeries, truth } = tricks[turn++ % tricks.length]!;
        for (const forgery of forgeries) {
          const answer = answerTo(query);
          if ("stranger" in forgery) reply(answer, peer, stranger.socket);
          else if ("earlier" in forgery) history.length && reply(history.at(-1)!, peer, socket);
          else if ("cut" in forgery) reply(answer.subarray(0, forgery.cut), peer, socket);
          else if ("noise" in forgery)
            reply(Buffer.concat([query.subarray(0, 2), forgery.noise]).subarray(2), peer, socket);
          else if (telling(forgery.flip)) {
            answer[forgery.flip >> 3]! ^= 1 << (forgery.flip % 8);
            reply(answer, peer, socket);
          }
        }
        // The truth carries one octet more, by which it is known.
        const known = Buffer.concat([answerTo(query), Buffer.from([0x7e])]);
        if (truth) {
          truths.add(known.toString("hex"));
          history.push(known);
          reply(known, peer, socket);
        }
      };
      const { rows, counters } = await ask(handler, tricks.length, question, 40);
      const answered = rows.filter(({ outcome }) => outcome === "answered");
      for (const { answer } of answered) expect(truths).toContain(answer.toString("hex"));
      expect(answered).toHaveLength(truths.size);
      expect(counters.rows).toBe(tricks.length);
    }),
    { numRuns: 40 },
  );
});

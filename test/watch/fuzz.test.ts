// An answerer that sends whatever it likes, beside a true one: a packet that is not the answer ends no probe, an answer that is not as
// expected is no pass, and the true one is measured as if it were alone.
import type { RemoteInfo } from "node:dgram";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { answer, healthAddress, healthName } from "../../src/demo/answerer.js";
import { listLocalRoutes } from "../../src/engine/netlink.js";
import { decodeAnswer, encodeQuery } from "../../src/probe/dns.js";
import { type Expectation, judgeAnswer } from "../../src/probe/expectation.js";
import { prefixOf } from "../../src/route/prefix.js";
import { readConfigText } from "../../src/run/config-file.js";
import { Locality } from "../../src/run/locality.js";
import { Prober } from "../../src/run/prober.js";
import { probe } from "../../src/watch/probe.js";
import { isSound } from "../../src/watch/sound.js";
import { watch } from "../../src/watch/watch.js";
import { type Answerer, reply, startAnswerer } from "../support/answerer.js";

const nsid = "e1";
const query = { name: healthName, type: "A", nsid: true } as const;
const truth = (asked: Uint8Array) => Buffer.from(answer(asked, { mode: "normal", nsid })!);
const length = truth(encodeQuery(query, 0)).length;
/** Where the one record begins, and the rdata of the OPT record, which is the NSID. */
const recordAt = 12 + healthName.length + 2 + 4;
const optAt = length - (11 + 4 + nsid.length);

interface Forgery {
  /** Whose port, or address, it comes from. */
  readonly from: "answerer" | "port" | "address";
  /** What becomes of the true answer's octets. */
  readonly change: (octets: Buffer) => Buffer;
}

const at = (max: number) => fc.nat(max);
const octets = (most: number) => fc.uint8Array({ maxLength: most });
const set = (...pairs: readonly (readonly [number, number])[]) => {
  return (octets: Buffer) => {
    for (const [at, octet] of pairs) octets[at] = octet;
    return octets;
  };
};
const change = fc.oneof(
  fc.array(fc.tuple(at(length - 1), at(255)), { minLength: 1, maxLength: 4 }).map((pairs) => set(...pairs)),
  // The header but for the id: flags, rcodes, counts that promise far more than there is.
  fc
    .array(fc.tuple(fc.integer({ min: 2, max: 11 }), at(255)), { minLength: 1, maxLength: 3 })
    .map((all) => set(...all)),
  at(length).map((to) => (octets: Buffer) => octets.subarray(0, to)),
  // Pointers to themselves, ahead, and into the header.
  fc
    .tuple(fc.constantFrom(12, recordAt, optAt), at(length))
    .map(([from, to]) => set([from, 0xc0 | (to >> 8)], [from + 1, to & 255])),
  // A record that says another address, or another length than it has.
  fc.tuple(fc.constantFrom(recordAt + 11, recordAt + 12, recordAt + 15), at(255)).map((pair) => set(pair)),
  // The upper bits of an rcode, and what the options say of themselves.
  fc.tuple(fc.integer({ min: optAt, max: length - 1 }), at(255)).map((pair) => set(pair)),
  octets(4000).map((more) => (octets: Buffer) => Buffer.concat([octets, more])),
  octets(600).map((other) => (octets: Buffer) => Buffer.concat([octets.subarray(0, 2), Buffer.of(0x80), other])),
  fc.integer({ min: 1, max: 65_535 }).map((by) => (octets: Buffer) => {
    octets.writeUInt16BE(octets.readUInt16BE(0) ^ by, 0);
    return octets;
  }),
);
const forgery: fc.Arbitrary<Forgery> = fc.record({
  from: fc.oneof(
    { weight: 6, arbitrary: fc.constant("answerer" as const) },
    { weight: 1, arbitrary: fc.constantFrom("port" as const, "address" as const) },
  ),
  change,
});
const expectation: fc.Arbitrary<Expectation> = fc.constantFrom(
  {},
  { rcode: "NOERROR" },
  { answers: [healthAddress], nsid },
  { minAnswers: 1, flags: ["aa"] as const },
);

/** Whether the probe of that query ends with these octets, if they come from its target (RFC 5452, 9.1). */
function ends(octets: Buffer, asked: Buffer): boolean {
  if (octets.length < 12 || octets[0] !== asked[0] || octets[1] !== asked[1] || octets[2]! < 0x80) return false;
  const questions = octets.readUInt16BE(4);
  const question = (message: Buffer) => message.toString("latin1", 12, recordAt).toLowerCase();
  if (questions === 0) return (octets[3]! & 15) !== 0;
  return questions === 1 && octets.length >= recordAt && question(octets) === question(asked);
}

/** Hostile answers each query with the next forgery, and then truly. */
class Hostile {
  forgeries: readonly Forgery[] = [];
  expect: Expectation = {};
  /** What the probes so far have met, in class IN. */
  passed = 0;
  wrong = 0;
  #asked = 0;

  begin(forgeries: readonly Forgery[], expect: Expectation) {
    Object.assign(this, { forgeries, expect, passed: 0, wrong: 0 });
    this.#asked = 0;
  }

  handle(asked: Buffer, peer: RemoteInfo, own: Answerer, port: Answerer, address: Answerer) {
    const { from, change } = this.forgeries[this.#asked++ % this.forgeries.length]!;
    const forged = change(truth(asked));
    reply(forged, peer, { answerer: own, port, address }[from].socket);
    reply(truth(asked), peer, own.socket);
    if (asked[recordAt - 1] !== 1) return;
    const met = from === "answerer" && ends(forged, asked) ? forged : truth(asked);
    if (judgeAnswer(met, query, this.expect, 0) === undefined) {
      this.passed++;
      expectFit(met, this.expect);
    } else this.wrong++;
  }
}

/** What any answer has that is as expected, looked for without reading it: that judgeAnswer() passes no other is what is tested. */
function expectFit(octets: Buffer, { answers, nsid }: Expectation) {
  expect([octets[2]! & 0xf8, octets[3]! & 15]).toEqual([0x80, 0]);
  const address = Buffer.of(0, 4, ...healthAddress.split(".").map(Number));
  if (answers) expect(octets.includes(address)).toBe(true);
  if (nsid !== undefined) expect(octets.includes(Buffer.of(0, 3, 0, nsid.length, ...Buffer.from(nsid)))).toBe(true);
}

describe("answers that nobody should send", () => {
  const hostile = new Hostile();
  const open: Answerer[] = [];
  let [target, good] = [undefined as unknown as Answerer, undefined as unknown as Answerer];
  let faults: unknown[] = [];
  beforeEach(() => {
    faults = [];
  });
  beforeAll(async () => {
    const stranger = await startAnswerer(() => {});
    target = await startAnswerer((asked, peer) => {
      try {
        hostile.handle(asked, peer, target, stranger, elsewhere);
      } catch (fault) {
        faults.push(fault);
      }
    });
    // The same port of another address.
    const elsewhere = await startAnswerer(() => {}, "127.0.0.2", target.port);
    good = await startAnswerer((asked, peer, socket) => reply(truth(asked), peer, socket));
    open.push(stranger, target, elsewhere, good);
  });
  afterAll(() => Promise.all(open.map((one) => one.close())));

  it("are counted by a watch as what they are, and the true target beside has lost nothing", async () => {
    const tried = { passed: 0, wrong: 0, strays: 0 };
    const law = fc.asyncProperty(
      fc.array(forgery, { minLength: 60, maxLength: 60 }),
      expectation,
      async (forgeries, expected) => {
        hostile.begin(forgeries, expected);
        // Time enough for a busy machine: in this test nothing is ever lost.
        const options = { query, expect: expected, intervalMs: 2, timeoutMs: 20_000, count: forgeries.length };
        await using watched = watch([target, good], options);
        for await (const _ of watched);
        const [forged, alone] = [watched.summary(0), watched.summary(1)];
        expect(faults).toEqual([]);
        const none = { timeouts: 0, unreachable: 0, voided: 0, loss: 0, ended: forgeries.length };
        expect(forged).toMatchObject({ ...none, passed: hostile.passed, wrong: hostile.wrong });
        expect(alone).toMatchObject({ ...none, passed: forgeries.length, state: "up", site: nsid });
        const { sent, rows, late, foreign, malformed } = watched.counters();
        expect(rows).toBe(sent);
        tried.passed += hostile.passed;
        tried.wrong += hostile.wrong;
        tried.strays += late + foreign + malformed;
      },
    );
    await fc.assert(law, { numRuns: 20, endOnFailure: true });
    // Else nothing was tried.
    for (const count of Object.values(tried)) expect(count).toBeGreaterThan(100);
  });

  it("are told by a probe as what they are", async () => {
    const law = fc.asyncProperty(forgery, expectation, async (one, expected) => {
      hostile.begin([one], expected);
      const told = await probe(target, query, { expect: expected, timeoutMs: 20_000 });
      expect(faults).toEqual([]);
      expect(told.outcome).toBe("answered");
      expect(hostile.passed + hostile.wrong).toBe(1);
      expect(told.fault === undefined).toBe(hostile.passed === 1);
    });
    await fc.assert(law, { numRuns: 200, endOnFailure: true });
  });
});

describe("the daemon's prober", () => {
  it("takes no wrong answer for a pass, and no stray packet for an answer", async () => {
    const address = "127.0.0.53";
    const expected = { answers: [healthAddress], nsid };
    const asked = Buffer.from(encodeQuery(query, 7));
    const tried = fc.sample(forgery, { numRuns: 300, seed: 7 });
    const strays = tried.filter(({ from, change }) => from !== "answerer" || !ends(change(truth(asked)), asked));
    const wrong = tried.filter((one) => {
      return !strays.includes(one) && judgeAnswer(one.change(truth(asked)), query, expected, 0) !== undefined;
    });
    for (const some of [strays, wrong]) expect(some.length).toBeGreaterThan(50);
    const hostile = new Hostile();
    const stranger = await startAnswerer(() => {});
    const target: Answerer = await startAnswerer((asked, peer) => {
      hostile.handle(asked, peer, target, stranger, elsewhere);
    }, address);
    const elsewhere = await startAnswerer(() => {}, "127.0.0.2", target.port);

    const pace = { interval: "10ms", fast_interval: "10ms", timeout: "10s", rise: 1, fall: 1, stable_for: "0s" };
    const check = { name: "udp", dns: { name: healthName, port: target.port }, expect: expected, ...pace };
    const service = { prefixes: ["203.0.113.53/32"], checks: [check], route: ["none"] };
    const { config } = readConfigText(stringify({ services: { resolver: service } }), "fuzz.test.ts");
    const services = config.services.map((one) => ({ ...one, prefixes: [prefixOf(address)] }));
    const states: string[] = [];
    hostile.begin(wrong, expected);
    const prober = new Prober(
      { ...config, services },
      {
        source: { ipv4: "127.0.0.1" },
        mark: undefined,
        locality: new Locality(listLocalRoutes),
        beforeJudging: () => {},
        onTransition: (_, { to }) => void states.push(to),
        onJudged: () => {},
      },
    );
    const judged = async (count: number) => {
      const enough = prober.judged + count;
      while (prober.judged < enough) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    try {
      await judged(wrong.length);
      expect(states).not.toContain("up");
      expect(prober.checks[0]!.check.state).toBe("down");
      hostile.begin(strays, expected);
      // One that was asked before may be answered wrongly yet.
      while (prober.checks[0]!.check.state !== "up") await judged(1);
      states.length = 0;
      await judged(strays.length);
      expect(states).toEqual([]);
    } finally {
      prober.close();
      await Promise.all([stranger, target, elsewhere].map((one) => one.close()));
    }
  });
});

describe("isSound", () => {
  it("holds no answer for sound that cannot be read, or has another rcode than its header", () => {
    const law = fc.property(forgery, at(20), ({ change }, before) => {
      const forged = change(truth(encodeQuery(query, 7)));
      // Beyond the end there is what would mend it.
      const block = Buffer.concat([Buffer.alloc(before), forged, Buffer.alloc(40)]);
      fc.pre(isSound(block, before, before + forged.length));
      const read = decodeAnswer(forged);
      expect(read).not.toHaveProperty("malformed");
      const plain = judgeAnswer(forged, query, {}, 0) === undefined;
      expect(plain).toBe((forged[3]! & 15) === 0);
    });
    fc.assert(law, { numRuns: 3000, maxSkipsPerRun: 100 });
  });

  it("holds answers for sound as servers send them, so that few are decoded", () => {
    const asked = encodeQuery(query, 7);
    for (const mode of ["normal", "servfail", "wrong"] as const) {
      const sent = answer(asked, { mode, nsid })!;
      expect(isSound(sent, 0, sent.length)).toBe(true);
    }
    // A zone's NS record, and an address whose name points to what that record says.
    const head = "0007840000010001000000010765786d61706c65036f72670000020001";
    const records = ["c00c00020001000000000006036e7331c00c", "c02900010001000000000004c6336450"];
    const delegation = Buffer.from(head + records.join(""), "hex");
    expect(isSound(delegation, 0, delegation.length)).toBe(true);
    expect(decodeAnswer(delegation)).not.toHaveProperty("malformed");
  });
});

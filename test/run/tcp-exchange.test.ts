import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { type Finding, judge } from "../../src/health/verdict.js";
import { compile } from "../../src/probe/template.js";
import { deadline } from "../../src/run/deadline.js";
import { exchange } from "../../src/run/tcp-exchange.js";
import { monotonicNs } from "../../src/units.js";
import { answerTo, freePort } from "../support/answerer.js";
import { framed, startTcpAnswerer, type TcpAnswerer, type TcpHandler } from "../support/tcp-answerer.js";

const query = { name: "health.example.com", type: "A" };
const { bytes: message, questionLength } = compile(query);
const answerers: TcpAnswerer[] = [];

afterEach(async () => {
  await Promise.all(answerers.splice(0).map((answerer) => answerer.close()));
});

async function start(handler: TcpHandler, address?: string): Promise<TcpAnswerer> {
  const answerer = await startTcpAnswerer(handler, address);
  answerers.push(answerer);
  return answerer;
}

interface Told {
  readonly finding: Finding;
  readonly sentNs: number;
}

function ask(port: number, { timeoutMs = 5000, source = "127.0.0.1", address = "127.0.0.1" } = {}): Promise<Told> {
  return new Promise((resolve) => {
    const tell = (finding: Finding, sentNs: number) => resolve({ finding, sentNs });
    exchange({ address, port, source, message, questionLength, timeoutMs }, tell);
  });
}

const answer =
  (octets: Buffer): TcpHandler =>
  (_query, connection) =>
    void connection.write(octets);

describe("a DNS query over TCP", () => {
  it("is answered in the time from the connection's start to the answer's end", async () => {
    const { port, peers } = await start((octets, connection) => {
      setTimeout(() => connection.write(framed(answerTo(octets, 3))), 30);
    });
    const before = monotonicNs();
    const { finding, sentNs } = await ask(port, { source: "127.0.0.9" });
    expect(finding).toMatchObject({ outcome: "answered", rcode: 3 });
    expect(Buffer.from(finding.answer!).subarray(12)).toEqual(Buffer.from(message).subarray(12));
    expect(sentNs).toBeGreaterThanOrEqual(before);
    expect(finding.rttNs).toBeGreaterThanOrEqual(29e6);
    expect(finding.rttNs).toBeLessThanOrEqual(monotonicNs() - sentNs);
    expect(peers).toEqual(["127.0.0.9"]);
  });

  it("is answered octet by octet, too, and by all of 65,535 octets", async () => {
    const { port } = await start(async (octets, connection) => {
      connection.setNoDelay(true);
      const whole = framed(Buffer.concat([answerTo(octets), Buffer.alloc(65_535 - octets.length)]));
      for (const at of Array.from({ length: 40 }, (_, i) => i)) {
        connection.write(whole.subarray(at, at + 1));
        await sleep(1);
      }
      connection.write(whole.subarray(40));
    });
    const { finding } = await ask(port);
    expect(finding.outcome).toBe("answered");
    expect(finding.answer).toHaveLength(65_535);
  });

  it("is asked over IPv6", async () => {
    const { port, peers } = await start((octets, connection) => connection.write(framed(answerTo(octets))), "::1");
    expect((await ask(port, { address: "::1", source: "::1" })).finding.outcome).toBe("answered");
    expect(peers).toEqual(["::1"]);
  });

  it("fails at once where nobody listens", async () => {
    const { finding } = await ask(await freePort());
    expect(finding).toMatchObject({ outcome: "refused", errno: "ECONNREFUSED" });
    expect(judge(finding, query, {})).toEqual({ kind: "fail", reason: "connection refused" });
  });

  it.each<[string, TcpHandler]>([
    ["before the answer", (_query, connection) => void connection.end()],
    ["within it", (octets, connection) => void connection.end(framed(octets).subarray(0, 20))],
    ["by a reset", (_query, connection) => void connection.resetAndDestroy()],
  ])("fails at once where the connection ends %s", async (_name, handler) => {
    const { port } = await start(handler);
    expect((await ask(port)).finding.outcome).toBe("closed");
  });

  it("fails by time where the answer, or its end, does not come", async () => {
    const silent = await start(() => {});
    const cut = await start(answer(Buffer.from([0, 99, 1])));
    // Long enough for a pause of a busy host to be no stall.
    for (const { finding } of await Promise.all([silent, cut].map(({ port }) => ask(port, { timeoutMs: 500 })))) {
      expect(finding.outcome).toBe("timeout");
      expect(finding.rttNs).toBeGreaterThanOrEqual(499e6);
    }
  });

  it.each<[string, (octets: Buffer) => Buffer, Finding["outcome"]]>([
    ["with another id", (octets) => Buffer.concat([Buffer.from([octets[0]! ^ 1]), octets.subarray(1)]), "foreign"],
    [
      "to another question",
      (octets) => Buffer.concat([octets.subarray(0, 13), Buffer.from("w"), octets.subarray(14)]),
      "foreign",
    ],
    [
      "whose name is in capitals",
      (octets) => Buffer.concat([octets.subarray(0, 13), Buffer.from("H"), octets.subarray(14)]),
      "answered",
    ],
    ["that is an error without a question", (octets) => withoutQuestion(octets, 1), "answered"],
    ["without a question that is no error", (octets) => withoutQuestion(octets, 0), "foreign"],
    ["too short to be one", () => Buffer.from([1, 2, 3]), "answered"],
  ])("takes an answer %s for what it is", async (_name, change, outcome) => {
    const { port } = await start((octets, connection) => connection.write(framed(change(answerTo(octets)))));
    const { finding } = await ask(port);
    expect(finding.outcome).toBe(outcome);
    expect(() => judge(finding, query, { nsid: "e1" })).not.toThrow();
  });

  it("is our own trouble where the source address is not this host's", async () => {
    const { port } = await start(() => {});
    const { finding } = await ask(port, { source: "192.0.2.1" });
    expect(finding).toMatchObject({ outcome: "send-failed", errno: "EADDRNOTAVAIL" });
    expect(judge(finding, query, {})).toEqual({ kind: "unknown", reason: "EADDRNOTAVAIL" });
  });

  it("proves nothing where this process stood still meanwhile", async () => {
    const { port } = await start(() => {});
    const told = ask(port, { timeoutMs: 100 });
    await sleep(10);
    standStill(300);
    expect((await told).finding.outcome).toBe("voided");
  });

  it("says nothing more once it is stopped", async () => {
    const { port } = await start((octets, connection) => connection.write(framed(answerTo(octets))));
    let told = 0;
    const stop = exchange(
      { address: "127.0.0.1", port, source: undefined, message, questionLength, timeoutMs: 20 },
      () => told++,
    );
    stop();
    await sleep(100);
    expect(told).toBe(0);
  });
});

describe("a deadline", () => {
  it("lets what arrived before it be read first, however late it is", async () => {
    const heard: string[] = [];
    let talk = () => {};
    const { port } = await start((_query, connection) => {
      talk = () => void connection.write(framed(Buffer.from("x")));
    });
    await new Promise<void>((resolve) => {
      const done = (word: string) => heard.push(word) === 2 && resolve();
      exchange({ address: "127.0.0.1", port, source: undefined, message, questionLength, timeoutMs: 5000 }, () =>
        done("read"),
      );
      setTimeout(() => {
        deadline(5, () => done("expired"));
        talk();
        standStill(30);
      }, 100);
    });
    expect(heard).toEqual(["read", "expired"]);
  });

  it("can be called off, also when it has passed", async () => {
    let expired = 0;
    deadline(1, () => expired++)();
    const callOff = deadline(1, () => expired++);
    setTimeout(callOff, 2);
    standStill(10);
    await sleep(30);
    expect(expired).toBe(0);
  });
});

function withoutQuestion(octets: Buffer, rcode: number): Buffer {
  const header = Buffer.from(octets.subarray(0, 12));
  header[3] = rcode;
  header.writeUInt16BE(0, 4);
  header.writeUInt16BE(0, 10);
  return header;
}

function standStill(ms: number): void {
  const untilNs = monotonicNs() + ms * 1e6;
  while (monotonicNs() < untilNs);
}

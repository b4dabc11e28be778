import { fork } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import {
  Answerer,
  type AnswererOptions,
  answer,
  healthAddress,
  healthName,
  wrongAddress,
} from "../../src/demo/answerer.js";
import { decodeAnswer, encodeQuery } from "../../src/probe/dns.js";
import type { DnsQuery } from "../../src/probe/query.js";

const health: DnsQuery = { name: healthName, type: "A" };
const normal = { mode: "normal", nsid: "e1" } as const;

function said(query: DnsQuery, manner: Parameters<typeof answer>[1] = normal) {
  return decodeAnswer(answer(encodeQuery(query, 7), manner)!);
}

describe("an answer", () => {
  test("repeats id and question, and is authoritative", () => {
    const octets = Buffer.from(answer(encodeQuery({ ...health, name: "Health.Example.COM" }, 0xbeef), normal)!);
    expect(octets.readUInt16BE(0)).toBe(0xbeef);
    expect(decodeAnswer(octets)).toEqual({
      rcode: "NOERROR",
      flags: ["aa", "rd"],
      question: { name: "Health.Example.COM", type: "A", class: "IN" },
      answers: [{ type: "A", text: healthAddress }],
      nsid: undefined,
    });
  });

  test.each([
    ["another name", { ...health, name: "example.com" }, { rcode: "NXDOMAIN", answers: [] }],
    ["another type", { ...health, type: "AAAA" }, { rcode: "NOERROR", answers: [] }],
    ["any type", { ...health, type: "ANY" }, { answers: [{ type: "A", text: healthAddress }] }],
    ["no recursion", { ...health, rd: false }, { flags: ["aa"] }],
    ["no EDNS", { ...health, ednsSize: 0 }, { rcode: "NOERROR", nsid: undefined }],
    ["NSID", { ...health, nsid: true }, { nsid: "e1" }],
    ["id.server", { name: "id.server", type: "TXT", class: "CH" }, { answers: [{ type: "TXT", text: "e1" }] }],
    ["another name of class CH", { name: "version.bind", type: "TXT", class: "CH" }, { rcode: "REFUSED" }],
  ] as const)("to a question with %s is right", (_, query, expected) => {
    expect(said(query)).toMatchObject(expected);
  });

  test.each([
    ["servfail", { rcode: "SERVFAIL", answers: [] }],
    ["wrong", { rcode: "NOERROR", answers: [{ type: "A", text: wrongAddress }] }],
  ] as const)("in mode %s is so", (mode, expected) => {
    expect(said(health, { mode })).toMatchObject(expected);
  });

  test("is not given in mode silent, nor to an answer, nor to less than a header", () => {
    const query = encodeQuery(health, 7);
    expect(answer(query, { mode: "silent" })).toBeUndefined();
    expect(answer(answer(query, normal)!, normal)).toBeUndefined();
    expect(answer(query.subarray(0, 11), normal)).toBeUndefined();
  });

  const edited = (edit: (octets: Buffer) => void) => {
    const octets = Buffer.from(encodeQuery(health, 7));
    edit(octets);
    return octets;
  };
  const optAt = 12 + healthName.length + 2 + 4;
  test.each([
    ["two questions", edited((octets) => octets.writeUInt16BE(2, 4)), "FORMERR"],
    ["no question", edited((octets) => octets.writeUInt16BE(0, 4)), "FORMERR"],
    ["a pointer for a name", edited((octets) => octets.writeUInt8(0xc0, 12)), "FORMERR"],
    ["a record that is cut off", edited(() => {}).subarray(0, -1), "FORMERR"],
    [
      "an OPT record among the answers",
      edited((octets) => octets.writeUInt32BE(0x00010000, 6)).fill(0, 10, 12),
      "FORMERR",
    ],
    ["EDNS of another version", edited((octets) => octets.writeUInt8(1, optAt + 6)), "BADVERS"],
  ])("to %s tells the fault", (_, query, rcode) => {
    expect(decodeAnswer(answer(query, normal)!)).toMatchObject({ rcode });
  });

  test("to another opcode says that it is not implemented", () => {
    const reply = answer(
      edited((octets) => octets.writeUInt8(0x28, 2)),
      normal,
    )!;
    expect([...reply.subarray(2, 4)]).toEqual([0xa8, 4]);
    expect(reply).toHaveLength(12);
  });

  test("takes a dot within a label for no end of it", () => {
    const query = edited((octets) => octets.writeUInt8("health.example".length, 12) && octets.write(".", 12 + 7));
    expect(answer(query, normal)![3]! & 15).toBe(3);
  });

  test("is well formed whatever was asked", () => {
    const query = Buffer.from(encodeQuery({ ...health, nsid: true }, 7));
    const anyPatch = fc.array(fc.tuple(fc.nat(query.length - 1), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(anyPatch, fc.nat(query.length), (patches, length) => {
        const octets = Buffer.from(query);
        for (const [at, value] of patches) octets[at] = value;
        const reply = answer(octets.subarray(0, length), normal);
        if (reply && !(octets[2]! & 0x78)) expect(decodeAnswer(reply)).toHaveProperty("rcode");
      }),
    );
  });
});

describe("the answerer", () => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  async function ask(address: string, port: number, withinMs: number) {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    closing.push(() => socket.close());
    socket.connect(port, address);
    await once(socket, "connect");
    socket.send(encodeQuery(health, 7));
    const signal = AbortSignal.timeout(withinMs);
    return decodeAnswer((await once(socket, "message", { signal }))[0]);
  }

  test.each(["127.0.0.1", "::1"])("answers at %s, and changes its manner while it runs", async (address) => {
    const answerer = await Answerer.open({ address, port: 0 });
    closing.push(() => answerer.close());
    expect(await ask(address, answerer.port, 5000)).toMatchObject({ answers: [{ text: healthAddress }] });
    answerer.manner = { mode: "wrong" };
    expect(await ask(address, answerer.port, 5000)).toMatchObject({ answers: [{ text: wrongAddress }] });
    answerer.manner = { mode: "silent" };
    await expect(ask(address, answerer.port, 200)).rejects.toThrow("aborted");
    expect(answerer.asked).toBe(3);
  });

  test("as a process answers until its parent lets go of it", async () => {
    const file = fileURLToPath(new URL("../../dist/demo/answerer-process.js", import.meta.url));
    const child = fork(file, [], { execArgv: [], stdio: "ignore" });
    closing.push(() => child.kill("SIGKILL"));
    child.send({ address: "127.0.0.1", port: 0 } satisfies AnswererOptions);
    const [{ port }] = (await once(child, "message")) as [{ port: number }];
    expect(await ask("127.0.0.1", port, 5000)).toMatchObject({ rcode: "NOERROR" });
    child.disconnect();
    expect(await once(child, "exit")).toEqual([0, null]);
  });
});

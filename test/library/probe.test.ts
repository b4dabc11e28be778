// One probe against real answerers on loopback: what it tells of every end that it can come to.
import { afterEach, describe, expect, test } from "vitest";
import { Answerer } from "../../src/demo/answerer.js";
import { probe } from "../../src/index.js";
import { freePort, silent, startAnswerer } from "../support/answerer.js";
import { question } from "../support/engine.js";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** The answerers live in this thread: on a busy machine they take their time. */
const patient = { timeoutMs: 10_000 };

async function answerer(mode: Answerer["manner"]["mode"] = "normal", nsid?: string) {
  const one = await Answerer.open({ address: "127.0.0.1", port: 0, mode, ...(nsid !== undefined && { nsid }) });
  open.push(() => one.close());
  return { address: "127.0.0.1", port: one.port };
}

describe("probe", () => {
  test("tells what was answered, how fast, and by whom", async () => {
    const result = await probe(await answerer("normal", "e1"), question, patient);
    expect(result).toMatchObject({ outcome: "answered", fault: undefined, rcode: "NOERROR", errno: undefined });
    expect(result).toMatchObject({ site: "e1", siteSource: "nsid" });
    expect(result.answer!.answers).toEqual([{ type: "A", text: "198.51.100.80" }]);
    expect(result.octets!.length).toBeGreaterThan(12);
    expect(result.rttNs).toBeGreaterThan(0);
    expect(result.sourcePort).toBeGreaterThan(0);
  });

  test("asks for no NSID without EDNS, and knows of no site where none is told", async () => {
    const target = await answerer("normal", "e1");
    expect((await probe(target, { ...question, ednsSize: 0 }, patient)).site).toBeUndefined();
    expect(await probe(await answerer(), question, patient)).toMatchObject({ site: undefined, siteSource: undefined });
  });

  test("says why an answer is not as expected", async () => {
    expect(await probe(await answerer("servfail"), question, patient)).toMatchObject({
      outcome: "answered",
      rcode: "SERVFAIL",
      fault: "rcode SERVFAIL, expected NOERROR",
    });
    const expected = { ...patient, expect: { answers: ["192.0.2.1"] } };
    expect((await probe(await answerer(), question, expected)).fault).toBe("answers 198.51.100.80, expected 192.0.2.1");
  });

  test("ends without an answer as a timeout, or as unreachable with the errno's name", async () => {
    const { address, port, close } = await startAnswerer(silent);
    open.push(close);
    const result = await probe({ address, port }, question, { timeoutMs: 200 });
    expect(result).toMatchObject({ outcome: "timeout", fault: "timeout", rcode: undefined, octets: undefined });
    expect(result.rttNs).toBeGreaterThanOrEqual(200e6);
    expect(await probe({ address, port: await freePort() }, question, patient)).toMatchObject({
      ...{ outcome: "unreachable", errno: "ECONNREFUSED", fault: "unreachable (ECONNREFUSED)" },
    });
  });

  test("sends a payload as it is, and gives the reply as it came", async () => {
    const echo = await startAnswerer((octets, peer, socket) => socket.send(octets, peer.port, peer.address));
    open.push(echo.close);
    const payload = new TextEncoder().encode("ping");
    expect(await probe(echo, { payload }, patient)).toMatchObject({
      ...{ outcome: "answered", fault: undefined, rcode: undefined, answer: undefined, site: undefined },
      octets: payload,
    });
  });

  test("ends with its signal, by the signal's reason", async () => {
    const mute = await startAnswerer(silent);
    open.push(mute.close);
    const controller = new AbortController();
    const asked = probe(mute, question, { ...patient, signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
    await expect(probe(mute, question, { signal: controller.signal })).rejects.toThrow("enough");
  });

  test("rejects with what cannot be asked, and with what the kernel refuses", async () => {
    const target = await answerer();
    await expect(probe({ ...target, port: 0 }, question)).rejects.toThrow(RangeError);
    await expect(probe(target, { name: "a..b", type: "A" })).rejects.toThrow(RangeError);
    await expect(probe(target, question, { source: { ipv4: "203.0.113.1" } })).rejects.toMatchObject({
      ...{ name: "EngineError", code: "ERR_ENGINE_SYSCALL", errno: "EADDRNOTAVAIL" },
    });
  });

  test("may be asked many times at once", async () => {
    const target = await answerer("normal", "e1");
    const results = await Promise.all(Array.from({ length: 20 }, () => probe(target, question, patient)));
    expect(results.map(({ site }) => site)).toEqual(results.map(() => "e1"));
  });
});

// The built-in answerer, asked by an engine: it answers all, in both families, counts, and ends.
import { afterEach, describe, expect, test } from "vitest";
import { Answerer, type AnswererOptions } from "../../src/engine/answerer.js";
import { EngineError } from "../../src/errors.js";
import { question, Recorder } from "../support/engine.js";

const open: Answerer[] = [];
afterEach(() => {
  for (const answerer of open.splice(0)) answerer.close();
});

function start(options: AnswererOptions): Answerer {
  const answerer = Answerer.start(options);
  open.push(answerer);
  return answerer;
}

async function ask(target: { address: string; port: number }, train: number) {
  const recorder = new Recorder();
  const schedule = { inflight: 100, count: 2000 };
  recorder.submit({ probes: [{ target, query: question }], schedule, timeoutMs: 2000, train });
  await recorder.until(2000);
  return recorder.stop().tally;
}

describe("the answerer", () => {
  test.each([
    ["127.0.0.1", "127.0.0.1"],
    ["::1", "::1"],
    ["0.0.0.0", "127.1.2.3"],
    ["::", "::1"],
  ])("at %s answers every query to %s, in trains and without, and counts them", async (address, asked) => {
    const answerer = start({ address });
    for (const train of [64, 1]) {
      expect(await ask({ address: asked, port: answerer.port }, train)).toEqual({ answered: 2000 });
    }
    expect(answerer.queries()).toBe(4000);
    answerer.close();
    expect(answerer.queries()).toBe(4000);
  });

  test("takes the port that it is given, and leaves it when it is closed", async () => {
    const first = start({ address: "127.0.0.1" });
    first.close();
    first.close();
    const second = start({ address: "127.0.0.1", port: first.port });
    expect(second.port).toBe(first.port);
    expect(await ask(second, 64)).toEqual({ answered: 2000 });
  });

  test("says what the kernel refuses", () => {
    expect(() => start({ address: "203.0.113.53" })).toThrow(
      new EngineError(
        "ERR_ENGINE_SYSCALL",
        "answer at 203.0.113.53: bind failed with EADDRNOTAVAIL",
        "EADDRNOTAVAIL",
        "bind",
      ),
    );
    expect(() => start({ address: "127.0.0.1", cpu: 1023 })).toThrow("pthread_setaffinity_np failed with EINVAL");
  });

  test.each<[AnswererOptions, string]>([
    [{ address: "localhost" }, 'expected an IPv4 or IPv6 address, got "localhost"'],
    [{ address: "127.0.0.1", port: 65_536 }, "port: expected an integer of 0-65535, got 65536"],
    [{ address: "127.0.0.1", cpu: 1.5 }, "cpu: expected an integer of 0-1023, got 1.5"],
  ])("refuses %j, and says what was expected", (options, message) => {
    expect(() => start(options)).toThrow(message);
  });
});

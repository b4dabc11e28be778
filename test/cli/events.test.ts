// `anyprobe events` and `anyprobe why` as processes, against a daemon that is the test.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { renderEvent } from "../../src/cli/event-text.js";
import { renderWhy } from "../../src/cli/why-text.js";
import { AnyprobeError } from "../../src/errors.js";
import { itemsOf } from "../../src/run/item-stream.js";
import type { JournalEvent } from "../../src/run/journal.js";
import { anyprobe, Command } from "../support/command.js";
import { TestDaemon } from "../support/control.js";
import { prefixReport } from "../support/status.js";

const event = (seq: number): JournalEvent => ({
  seq,
  atMs: Date.UTC(2026, 10, 23, 1, 2, 3, seq),
  kind: "check",
  level: "warn",
  prefix: "203.0.113.53/32",
  message: `dns health.example.com/A is down, the ${seq}.`,
  evidence: { causes: { SERVFAIL: seq }, tookNs: 7 },
});

let daemon: TestDaemon;
let control: readonly string[];
beforeEach(() => {
  daemon = new TestDaemon();
  control = ["--control", daemon.path];
});
afterEach(() => daemon[Symbol.dispose]());

/** A source of events that comes to nothing until it is told to return. */
class Silence implements AsyncIterableIterator<JournalEvent> {
  readonly returned: Promise<void>;
  #return!: () => void;
  constructor() {
    this.returned = new Promise((resolve) => {
      this.#return = resolve;
    });
  }
  [Symbol.asyncIterator]() {
    return this;
  }
  next() {
    return new Promise<IteratorResult<JournalEvent>>(() => {});
  }
  async return() {
    this.#return();
    return { done: true, value: undefined } as const;
  }
}

describe("anyprobe events", () => {
  it("prints the newest events, a line each", async () => {
    const asked: object[] = [];
    await daemon.listen({
      events: (args) => {
        asked.push(args);
        return itemsOf([event(1), event(2)]);
      },
    });
    expect(await anyprobe("events", ...control)).toEqual({
      code: 0,
      out: `${renderEvent(event(1), false)}\n${renderEvent(event(2), false)}\n`,
      err: "",
    });
    await anyprobe("events", "-n", "7", ...control);
    expect(asked).toEqual([
      { count: 20, follow: false },
      { count: 7, follow: false },
    ]);
  });

  it("prints JSON with all evidence, a line each", async () => {
    await daemon.listen({ events: () => itemsOf([event(1), event(2)]) });
    const { out } = await anyprobe("events", "--json", ...control);
    const { atMs, evidence: _, ...plain } = event(1);
    expect(JSON.parse(out.split("\n")[0]!)).toEqual({
      ...plain,
      at_ms: atMs,
      evidence: { causes: { SERVFAIL: 1 }, took_ns: 7 },
    });
    expect(out.split("\n")).toHaveLength(3);
  });

  it("--follow goes on until SIGINT, and the daemon forgets it", async () => {
    const coming = new Silence();
    await daemon.listen({ events: ({ follow }) => itemsOf([event(1)], follow === true ? coming : undefined) });
    const command = new Command("events", "--follow", ...control);
    await command.printed((out) => out.endsWith("\n"));
    command.child.kill("SIGINT");
    expect(await command.ended()).toEqual({ code: 0, out: `${renderEvent(event(1), false)}\n`, err: "" });
    await coming.returned;
  });

  it("--follow ends with 69 where the daemon ends", async () => {
    await daemon.listen({ events: () => itemsOf([event(1)], new Silence()) });
    const command = new Command("events", "--follow", ...control);
    await command.printed((out) => out.endsWith("\n"));
    daemon.close();
    expect(await command.ended()).toMatchObject({
      code: 69,
      err: `anyprobe: expected a daemon at ${daemon.path}, got a connection that closed\n`,
    });
  });

  it("takes no count that is none", async () => {
    const { code, err } = await anyprobe("events", "-n", "1001", ...control);
    expect([code, err]).toEqual([
      64,
      "anyprobe: option '-n, --count <count>' argument '1001' is invalid. expected a whole number of 0-1000, got \"1001\"\n",
    ]);
  });
});

describe("anyprobe why", () => {
  const report = { ...prefixReport(), service: "resolver" };
  const answer = { prefix: report.prefix, status: [report], events: [], frozen: null };

  it("tells the chain in sentences", async () => {
    const asked: object[] = [];
    await daemon.listen({
      why: (args) => {
        asked.push(args);
        return answer;
      },
    });
    const { code, out, err } = await anyprobe("why", "203.0.113.53", ...control);
    expect([code, err]).toEqual([0, ""]);
    // How long ago that was goes on counting.
    const steady = (text: string) => text.replaceAll(/\d+[hm]\d+[ms]|[\d.]+(ns|us|ms|s)\b/g, "…");
    expect(steady(out)).toBe(steady(renderWhy(answer, false)));
    expect(asked).toEqual([{ what: "203.0.113.53" }]);
  });

  it("gives all of it as JSON", async () => {
    await daemon.listen({ why: () => answer });
    const { out } = await anyprobe("why", "203.0.113.53", "--json", ...control);
    expect(JSON.parse(out)).toMatchObject({ prefix: "203.0.113.53/32", status: [{ hold_down_ms: 0 }], events: [] });
  });

  it("ends with 69 where there is no such prefix", async () => {
    await daemon.listen({
      why: () => {
        throw new AnyprobeError("ERR_RUN_ORDER", "expected a prefix of 203.0.113.53/32");
      },
    });
    expect(await anyprobe("why", "198.51.100.1", ...control)).toEqual({
      code: 69,
      out: "",
      err: "anyprobe: expected a prefix of 203.0.113.53/32\n",
    });
  });
});

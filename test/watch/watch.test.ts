// Watching real answerers on loopback: what is counted, and what is told of.
import { afterEach, describe, expect, it } from "vitest";
import { Answerer } from "../../src/demo/answerer.js";
import { type Watch, type WatchOptions, watch } from "../../src/watch/watch.js";
import type { WatchEvent } from "../../src/watch/watch-report.js";
import { freePort } from "../support/answerer.js";

const query = { name: "health.example.com", type: "A" };
const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
});

/** The answerers live in this thread: on a busy machine they take their time, and none of these tests is about that. */
function begin(targets: Parameters<typeof watch>[0], options: WatchOptions = {}): Watch {
  const watched = watch(targets, { query, intervalMs: 20, timeoutMs: 10_000, rise: 1, fall: 2, ...options });
  open.push(watched);
  return watched;
}

async function answerer(nsid: string, address = "127.0.0.1") {
  const one = await Answerer.open({ address, port: 0, nsid });
  const { port, manner } = one;
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= one.close();
    return closed;
  };
  open.push({ [Symbol.asyncDispose]: close });
  return { port, manner, close };
}

/** Reads until an event of that kind, which must come. */
async function next(events: AsyncIterableIterator<WatchEvent>, kind: WatchEvent["kind"]): Promise<WatchEvent> {
  for await (const event of { [Symbol.asyncIterator]: () => ({ next: () => events.next() }) })
    if (event.kind === kind) return event;
  throw new Error(`no ${kind}`);
}

describe("watch", () => {
  it("tells of targets that come up and go down, and counts every probe", async () => {
    const one = await answerer("e1");
    const dead = { address: "127.0.0.1", port: await freePort() };
    const watched = begin([{ address: "127.0.0.1", port: one.port }, dead]);
    const events = watched.events();
    const first = [await events.next(), await events.next(), await events.next()].map(
      ({ value }) => value as WatchEvent,
    );
    expect(first.map(({ kind }) => kind).sort()).toEqual(["down", "site", "up"]);
    expect(first.find(({ kind }) => kind === "down")).toMatchObject({
      index: 1,
      target: dead,
      reason: "unreachable (ECONNREFUSED)",
    });
    await one.close();
    expect(await next(events, "down")).toMatchObject({ index: 0, reason: "unreachable (ECONNREFUSED)" });
    await watched.close();
    const all = [...watched.summaries()];
    expect(all.map(({ state }) => state)).toEqual(["down", "down"]);
    expect(all[0]).toMatchObject({ target: `127.0.0.1:${one.port}`, site: "e1", wrong: 0, timeouts: 0 });
    expect(all[0]!.rcodes).toEqual({ NOERROR: all[0]!.passed });
    expect(all[0]!.latency.count).toBe(all[0]!.passed);
    expect(all[1]).toMatchObject({ passed: 0, loss: 1, site: undefined });
    const { sent } = watched.counters();
    expect(all.reduce((sum, { ended }) => sum + ended, 0)).toBe(sent);
  });

  it("tells of another site once, with the one before", async () => {
    const one = await answerer("e1");
    const watched = begin([{ address: "127.0.0.1", port: one.port }]);
    const events = watched.events();
    expect(await next(events, "site")).toMatchObject({ site: "e1", before: undefined });
    Object.assign(one.manner, { nsid: "e2" });
    expect(await next(events, "site")).toMatchObject({ site: "e2", before: "e1" });
    const { passed } = watched.summary(0);
    while (watched.summary(0).passed < passed + 5) await new Promise((resolve) => setTimeout(resolve, 10));
    await watched.close();
    for await (const { kind } of { [Symbol.asyncIterator]: () => events }) expect(kind).not.toBe("site");
  });

  it("judges answers by what is expected of them", async () => {
    const one = await answerer("e1");
    const target = { address: "127.0.0.1", port: one.port };
    const wrong = begin([target], { expect: { answers: ["192.0.2.1"] } });
    const rcode = begin([target], { expect: { rcode: "NXDOMAIN" } });
    for (const watched of [wrong, rcode]) expect(await next(watched.events(), "down")).toMatchObject({ index: 0 });
    expect(await next(begin([target], { expect: { answers: ["198.51.100.80"] } }).events(), "up")).toMatchObject({
      index: 0,
    });
    expect(wrong.summary(0)).toMatchObject({ passed: 0, loss: 0 });
  });

  it("ends with its signal, and takes none that was aborted before", async () => {
    const one = await answerer("e1");
    const target = { address: "127.0.0.1", port: one.port };
    const controller = new AbortController();
    const watched = begin([target], { signal: controller.signal });
    const events = watched.events();
    await next(events, "up");
    controller.abort();
    for (let step = await events.next(); !step.done; step = await events.next());
    const { ended } = watched.summary(0);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(watched.summary(0).ended).toBe(ended);
    expect(() => begin([target], { signal: controller.signal })).toThrow(/abort/i);
  });

  it("asks each target its count, closes itself, and then tells all that it counted", async () => {
    const one = await answerer("e1");
    const dead = { address: "127.0.0.1", port: await freePort() };
    const targets = [{ address: "127.0.0.1", port: one.port }, dead, { address: "127.0.0.2", port: one.port }];
    const watched = begin(targets, { count: 7, intervalMs: 10, chaos: false });
    for await (const _ of watched);
    const summaries = [...watched.summaries()];
    expect(summaries.map(({ ended }) => ended)).toEqual([7, 7, 7]);
    expect(summaries.map(({ state }) => state)).toEqual(["up", "down", "down"]);
    const slices = [];
    for await (const slice of watched.slices()) slices.push(...slice);
    expect(slices).toEqual(summaries);
    expect(watched.totals()).toEqual({
      ...{ targets: 3, up: 1, down: 2, unknown: 0, ended: 21, passed: 7, wrong: 0, timeouts: 0, unreachable: 14 },
      ...{ voided: 0, loss: 14 / 21, chaosEnded: 0, sites: { e1: 1 } },
    });
    expect(() => begin([dead], { count: 0 })).toThrow("count: expected a whole number of 1-1000000, got 0");
    expect(() => begin([dead], { intervalMs: 0 })).toThrow("intervalMs: expected 0.001-1e12 ms, got 0");
  });
});

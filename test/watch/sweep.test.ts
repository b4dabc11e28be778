// Sweeps at real answerers on loopback: what is counted, what is told of, and how they end. Networks with several paths are in
// test/lab/watch.test.ts.
import { afterEach, describe, expect, it } from "vitest";
import { Answerer } from "../../src/demo/answerer.js";
import { type PathWatch, type SweepOptions, sweep, watchPaths } from "../../src/watch/sweep.js";
import { formatPath, type PathEvent, type SweepSummary } from "../../src/watch/sweep-report.js";
import { answerTo, freePort, reply, startAnswerer } from "../support/answerer.js";
import { inNamespace } from "../support/namespace.js";

const query = { name: "health.example.com", type: "A" };
const quick: SweepOptions = { query, transport: "socket", paths: 4, sweepMs: 250, timeoutMs: 250 };
const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
});

async function answerer(nsid = "e1", address = "127.0.0.1") {
  const one = await Answerer.open({ address, port: 0, nsid });
  open.push({ [Symbol.asyncDispose]: () => one.close() });
  return { target: { address, port: one.port }, manner: one.manner };
}

async function begin(...[targets, options]: Parameters<typeof watchPaths>): Promise<PathWatch> {
  const paths = await watchPaths(targets, { ...quick, ...options });
  open.push(paths);
  return paths;
}

/** Reads until so many sweeps are over, and gives what came before. */
async function read(events: AsyncIterator<PathEvent>, sweeps: number): Promise<PathEvent[]> {
  const all: PathEvent[] = [];
  for (let seen = 0; seen < sweeps; ) {
    const { value, done } = await events.next();
    if (done) throw new Error(`it ended after ${seen} sweeps`);
    if (value.kind === "sweep") seen++;
    else all.push(value);
  }
  return all;
}

describe("sweep", () => {
  it("asks each path so often, from a port of its own, and names who answers", async () => {
    const { target } = await answerer();
    // In this thread the answerer takes its time.
    const found = await sweep(target, { ...quick, paths: 8, tries: 5, sweepMs: 400, timeoutMs: 400 });
    expect(found).toMatchObject({ sweeps: 1, answering: 8, suspect: 0, lost: 0, unknown: 0 });
    expect(found.sites).toMatchObject([{ site: "e1", paths: 8, share: 1 }]);
    expect(found.sites[0]!.latency.count).toBe(found.paths.reduce((sum, { answered }) => sum + answered, 0));
    expect(new Set(found.paths.map(({ sourcePort }) => sourcePort)).size).toBe(8);
    for (const path of found.paths) {
      expect(path).toMatchObject({ site: "e1", siteSource: "nsid", unanswered: 0, voided: 0, source: "127.0.0.1" });
      // Probes of the second sweep may have begun.
      expect(path.answered).toBeGreaterThanOrEqual(5);
      expect(formatPath(path)).toBe(`udp 127.0.0.1:${path.sourcePort} > 127.0.0.1:${target.port}`);
    }
  });

  it("says of a target that nobody answers at no more than that", async () => {
    const found = await sweep({ address: "127.0.0.1", port: await freePort() }, quick);
    expect(found).toMatchObject({ sweeps: 1, answering: 0, lost: 0, unknown: 4, sites: [] });
    expect(found.paths.every(({ loss }) => loss === 1)).toBe(true);
  });

  it("ends with its signal, and takes none that was aborted before", async () => {
    const { target } = await answerer();
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("enough")), 20);
    await expect(sweep(target, { ...quick, sweepMs: 60_000, signal: controller.signal })).rejects.toThrow("enough");
    await expect(sweep(target, { ...quick, signal: controller.signal })).rejects.toThrow("enough");
  });

  it.each([
    [{ paths: 1 }, "paths: expected an integer of 2-1024, got 1"],
    [{ tries: 0 }, "tries: expected an integer of 1-1000, got 0"],
    [{ timeoutMs: 300 }, "timeoutMs: expected at most sweepMs (250), got 300"],
    [{ firstPort: 1000 }, 'firstPort: expected transport "raw" with it'],
  ])("refuses %o", async (wrong, message) => {
    await expect(sweep({ address: "127.0.0.1", port: 53 }, { ...quick, ...wrong })).rejects.toThrow(message);
  });
});

describe("raw packets", () => {
  it("ask each path just as often, from the named ports, of both families and from every source", async () => {
    const fixture = new URL("fixtures/sweep.ts", import.meta.url);
    const options: SweepOptions = { paths: 8, tries: 5, firstPort: 42_000, sweepMs: 400, timeoutMs: 400 };
    const { transport, targets, counters } = await inNamespace(fixture, "raw", { argument: JSON.stringify(options) });
    expect(transport).toBe("raw");
    const all = targets as SweepSummary[];
    expect(all.map(({ sites }) => sites.map(({ site }) => site))).toEqual([["e1"], ["e2"], ["e3"]]);
    for (const { paths } of all) {
      expect(paths.map(({ sourcePort }) => sourcePort)).toEqual(Array.from({ length: 8 }, (_, i) => 42_000 + i));
      // Two whole sweeps, and what of the third had begun.
      const asked = paths.map(({ answered, unanswered, voided }) => answered + unanswered + voided);
      expect(Math.min(...asked)).toBeGreaterThanOrEqual(10);
      expect(Math.max(...asked) - Math.min(...asked)).toBeLessThanOrEqual(1);
    }
    expect(all.map(({ paths: [first] }) => first!.source)).toEqual(["198.18.0.1", "198.18.0.2", "2001:db8::1"]);
    expect(counters.rows).toBe(counters.sent);
  });
});

describe("watchPaths", () => {
  it("tells of paths that are lost, in one event, and of their return", async () => {
    const swallowed = new Set<number>();
    const seen = new Set<number>();
    // By source port, as a path of a network does.
    const one = await startAnswerer((message, peer, socket) => {
      seen.add(peer.port);
      if (swallowed.has(peer.port)) return;
      reply(answerTo(message), peer, socket);
    });
    open.push({ [Symbol.asyncDispose]: () => one.close() });
    const paths = await begin([{ address: "127.0.0.1", port: one.port }], { tries: 5 });
    const events = paths.events();
    while (paths.summary(0).answering < 4) await read(events, 1);
    const [first, second] = [...seen].sort((a, b) => a - b) as [number, number];
    swallowed.add(first).add(second);
    const lost: PathEvent[] = [];
    while (paths.summary(0).lost < 2) lost.push(...(await read(events, 1)));
    expect(lost.filter(({ kind }) => kind === "path-lost")).toMatchObject([
      { index: 0, lost: 2, of: 4, paths: [{ sourcePort: first }, { sourcePort: second }] },
    ]);
    swallowed.clear();
    const back: PathEvent[] = [];
    while (paths.summary(0).answering < 4) back.push(...(await read(events, 1)));
    expect(back.filter(({ kind }) => kind === "path-back")).toMatchObject([{ lost: 0, paths: [{}, {}] }]);
  });

  it("tells of a shift once, with every path that moved", async () => {
    const { target, manner } = await answerer("e1");
    const paths = await begin([target], { tries: 5 });
    const events = paths.events();
    while (paths.summary(0).answering < 4) await read(events, 1);
    Object.assign(manner, { nsid: "e2" });
    const told: PathEvent[] = [];
    while (paths.summary(0).sites[0]?.site !== "e2") told.push(...(await read(events, 1)));
    told.push(...(await read(events, 4)));
    const shifts = told.filter((event) => event.kind === "shift");
    expect(shifts).toMatchObject([{ index: 0, before: { e1: 4 }, after: { e2: 4 } }]);
    expect(shifts[0]!.moved.map(({ from, to }) => `${from} ${to}`)).toEqual(Array(4).fill("e1 e2"));
  });

  it("keeps targets apart, and accounts for every probe", async () => {
    const [one, two] = [await answerer("e1"), await answerer("e2")];
    const dead = { address: "127.0.0.1", port: await freePort() };
    const paths = await begin([one.target, dead, two.target], {});
    const events = paths.events();
    await read(events, 2);
    await paths.close();
    expect((await events.next()).done).toBe(true);
    const [first, silent, last] = paths.targets.map((_, index) => paths.summary(index));
    expect(first!.sites.map(({ site }) => site)).toEqual(["e1"]);
    expect(silent!.answering).toBe(0);
    expect(last!.sites.map(({ site }) => site)).toEqual(["e2"]);
    const all = [first, silent, last].flatMap((summary) => summary!.paths);
    const ended = all.reduce((sum, { answered, unanswered, voided }) => sum + answered + unanswered + voided, 0);
    expect(ended).toBe(paths.counters().sent);
    await paths.close();
  });
});

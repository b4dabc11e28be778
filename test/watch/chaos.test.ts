// Who answers where there is no NSID: servers that tell it in class CHAOS, asked for real on loopback.
import { afterEach, describe, expect, it } from "vitest";
import { answer } from "../../src/demo/answerer.js";
import { Answerer as NativeAnswerer } from "../../src/engine/answerer.js";
import { type Watch, type WatchOptions, watch } from "../../src/watch/watch.js";
import { type Answerer, answerTo, reply, startAnswerer } from "../support/answerer.js";

const query = { name: "health.example.com", type: "A" };
const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
});

interface Manner {
  nsid?: string;
  /** What each CHAOS name is answered with; one that is missing is refused, "" is no answer at all. */
  readonly chaos: Record<string, string>;
  /** CHAOS names in the order in which they were asked. */
  readonly asked: string[];
}

/** The name that is asked, in class CHAOS; undefined in class IN. */
function chaosName(octets: Buffer): string | undefined {
  const labels: string[] = [];
  let at = 12;
  for (let length = octets[at]!; length > 0; length = octets[at]!) {
    labels.push(octets.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return octets.readUInt16BE(at + 3) === 3 ? labels.join(".") : undefined;
}

/** The question back, with one TXT record. */
function txt(octets: Buffer, text: string): Buffer {
  const head = answerTo(octets);
  head.writeUInt16BE(1, 6);
  const data = Buffer.from(text);
  const record = Buffer.from([0xc0, 12, 0, 16, 0, 3, 0, 0, 0, 0, 0, data.length + 1, data.length]);
  return Buffer.concat([head, record, data]);
}

async function server(chaos: Manner["chaos"], nsid?: string): Promise<Answerer & Manner> {
  const manner: Manner = { chaos, asked: [], ...(nsid !== undefined && { nsid }) };
  const one = await startAnswerer((octets, peer, socket) => {
    const name = chaosName(octets);
    if (name === undefined) {
      const { nsid } = manner;
      reply(answer(octets, { mode: "normal", ...(nsid !== undefined && { nsid }) })!, peer, socket);
      return;
    }
    manner.asked.push(name);
    const text = manner.chaos[name];
    if (text !== "") reply(text === undefined ? answerTo(octets, 5) : txt(octets, text), peer, socket);
  });
  open.push({ [Symbol.asyncDispose]: one.close });
  return Object.assign(manner, one, { received: 0 });
}

function begin({ port }: { readonly port: number }, options: WatchOptions = {}): Watch {
  const watched = watch([{ address: "127.0.0.1", port }], { query, intervalMs: 20, timeoutMs: 10_000, ...options });
  open.push(watched);
  return watched;
}

const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
};

describe("a watch of a server without an NSID", () => {
  it.each([
    ["id.server", { "id.server": "e1", "hostname.bind": "host", "version.bind": "9" }, "e1"],
    ["hostname.bind", { "hostname.bind": "host", "version.bind": "9" }, "host"],
    ["version.bind", { "version.bind": "9" }, "9"],
  ])("is told by %s who answers, and asks no further and not again", async (siteSource, chaos, site) => {
    const one = await server(chaos);
    const watched = begin(one);
    const events = watched.events();
    await until(() => watched.summary(0).site !== undefined);
    const { passed } = watched.summary(0);
    await until(() => watched.summary(0).passed > passed + 5);
    const names = ["id.server", "hostname.bind", "version.bind"];
    expect(one.asked).toEqual(names.slice(0, names.indexOf(siteSource) + 1));
    await watched.close();
    expect(watched.summary(0)).toMatchObject({ site, siteSource });
    const told = [];
    for await (const event of { [Symbol.asyncIterator]: () => events }) told.push(event.kind);
    expect(told.filter((kind) => kind === "site")).toHaveLength(1);
    // None of these counts among the probes.
    const { sent } = watched.counters();
    expect(watched.summary(0).ended).toBe(sent - one.asked.length);
  });

  it("stays without a site where all are refused", async () => {
    const one = await server({});
    const watched = begin(one);
    await until(() => watched.summary(0).passed > 5 && one.asked.length === 3);
    await watched.close();
    expect(watched.summary(0)).toMatchObject({ site: undefined, siteSource: undefined });
  });

  it("goes on to the next name where one stays silent", async () => {
    const one = await server({ "id.server": "", "hostname.bind": "host" });
    const watched = begin(one, { timeoutMs: 500 });
    await until(() => watched.summary(0).siteSource === "hostname.bind");
    expect(one.asked).toEqual(["id.server", "hostname.bind"]);
  });

  it("asks nobody who sends an NSID, nor with chaos: false, nor without EDNS", async () => {
    const [one, two] = [await server({ "id.server": "x" }, "e1"), await server({ "id.server": "x" })];
    const watches = [begin(one), begin(two, { chaos: false }), begin(two, { query: { ...query, ednsSize: 0 } })];
    await until(() => watches.every((watched) => watched.summary(0).passed > 5));
    expect([...one.asked, ...two.asked]).toEqual([]);
  });

  it("makes no shift of another kind of name: an NSID that ends, and comes again", async () => {
    const one = await server({ "id.server": "host-1" }, "e1");
    const watched = begin(one);
    const events = watched.events();
    await until(() => watched.summary(0).site === "e1");
    delete one.nsid;
    await until(() => watched.summary(0).site === "host-1");
    one.nsid = "e1";
    await until(() => watched.summary(0).siteSource === "nsid");
    await watched.close();
    const told = [];
    for await (const event of { [Symbol.asyncIterator]: () => events }) told.push(event);
    expect(told.filter(({ kind }) => kind === "site")).toMatchObject([{ site: "e1", before: undefined }]);
  });

  it("has asked, when each was asked its count, before it closes itself", async () => {
    const one = await server({ "version.bind": "9" });
    const watched = begin(one, { count: 2 });
    for await (const _ of watched);
    expect(watched.summary(0)).toMatchObject({ ended: 2, passed: 2, site: "9", siteSource: "version.bind" });
  });

  it("begins with at most 1,000 of many targets in a second, and tells their rows from the probes'", async () => {
    // It sends queries back: CHAOS names come without a record, so that each target is asked for all three.
    using everywhere = NativeAnswerer.start({ address: "0.0.0.0" });
    const targets = Array.from({ length: 3000 }, (_, i) => ({
      address: `127.2.${i >> 8}.${i & 255}`,
      port: everywhere.port,
    }));
    const beganMs = performance.now();
    const watched = watch(targets, { query, intervalMs: 400, timeoutMs: 10_000 });
    open.push(watched);
    await until(() => watched.totals().ended >= 6000 && watched.totals().chaosEnded > 0);
    await watched.close();
    const seconds = Math.ceil((performance.now() - beganMs) / 1000) + 1;
    const { ended, chaosEnded } = watched.totals();
    expect(chaosEnded).toBeLessThanOrEqual(3 * 1000 * seconds);
    // What was in flight at the end ends as void, of the probes; all of both was sent.
    const { sent, rows } = watched.counters();
    expect([rows, ended + chaosEnded]).toEqual([sent, sent]);
  });
});

// Waiting for a drain, look by look, at a daemon that is the test.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { drained } from "../../src/cli/drain-wait.js";
import { prefixOf } from "../../src/route/prefix.js";
import type { PrefixReport, Status } from "../../src/run/status.js";
import { TestDaemon } from "../support/control.js";
import { prefixReport, statusOf } from "../support/status.js";

const [one, two] = [prefixOf("203.0.113.53"), prefixOf("203.0.113.54")];
const order = { kind: "drain", by: "root", reason: null, leftMs: null } as const;
const going = { order, observed: "drained" } as const;
const gone = { order, observed: "withdrawn" } as const;
const held = { order, observed: "drained", guard: { others: 0, needed: 1, held: true, reason: "the last" } } as const;
const lines: string[] = [];

let daemon: TestDaemon;
beforeEach(() => {
  daemon = new TestDaemon();
  lines.length = 0;
});
afterEach(() => daemon[Symbol.dispose]());

/** wait gives the outcomes when the prefixes stand, look by look, like this; more looks are a fault. */
async function wait(looks: readonly (readonly Partial<PrefixReport>[])[], around: Partial<Status> = {}) {
  const left = [...looks];
  const status = () =>
    statusOf(
      left.shift()!.map((changes, i) => prefixReport({ prefix: [one, two][i]!, ...changes })),
      around,
    );
  await daemon.listen({ status });
  const prefixes = looks[0]!.map((_, i) => [one, two][i]!);
  const outcomes = await drained(daemon.path, prefixes, (line) => lines.push(line));
  expect(left).toEqual([]);
  return outcomes;
}

describe("drained", () => {
  it("is at its end at once where there is nothing to do", async () => {
    expect(await wait([[gone]])).toEqual([{ prefix: one, outcome: "withdrawn", reason: null }]);
  });

  it("waits for every prefix", async () => {
    expect(
      await wait([
        [going, going],
        [gone, going],
        [gone, gone],
      ]),
    ).toMatchObject([
      { prefix: one, outcome: "withdrawn" },
      { prefix: two, outcome: "withdrawn" },
    ]);
    expect(lines).toEqual([`${one}: drained`, `${two}: drained`, `${one}: withdrawn`, `${two}: withdrawn`]);
  });

  it("does not give up one that the guard holds while another is on its way", async () => {
    expect(
      await wait([
        [held, going],
        [going, going],
        [gone, held],
      ]),
    ).toMatchObject([{ outcome: "withdrawn" }, { outcome: "held", reason: "the last" }]);
  });

  it.each<[string, Partial<PrefixReport>, string]>([
    ["nobody orders any more", { order: null }, "the order is over"],
    ["somebody ordered something else", { order: { ...order, kind: "announce" } }, "the order is over"],
  ])("ends where %s", async (_, changes, reason) => {
    expect(await wait([[going], [changes]])).toEqual([{ prefix: one, outcome: "ended", reason }]);
  });

  it("goes on where the order became a withdrawal", async () => {
    const withdraw = { order: { ...order, kind: "withdraw" } } as const;
    expect(await wait([[going], [withdraw], [{ ...gone, ...withdraw }]])).toMatchObject([{ outcome: "withdrawn" }]);
  });

  it("ends where the config has lost the prefix", async () => {
    expect(await wait([[going], []])).toMatchObject([{ outcome: "ended" }]);
  });

  it("ends under a freeze, for nothing moves", async () => {
    const frozen = { by: "root (pid 1)", reason: null, leftMs: null };
    expect(await wait([[going]], { frozen })).toEqual([{ prefix: one, outcome: "frozen", reason: "by root (pid 1)" }]);
  });

  it("rejects where the daemon is gone", async () => {
    await daemon.listen({ status: () => statusOf([prefixReport(going)]) });
    const waiting = drained(daemon.path, [one], () => daemon.close());
    await expect(waiting).rejects.toMatchObject({ code: "ERR_RUN_UNREACHABLE" });
  });
});

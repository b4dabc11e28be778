// `anyprobe watch --paths` as text, and what its options refuse. What it finds in a network is in test/lab/watch.test.ts.
import { describe, expect, it } from "vitest";
import { exitCodeOf } from "../../src/cli/exit.js";
import { pathsText } from "../../src/cli/paths-text.js";
import { program } from "../../src/cli/program.js";
import { LatencyHistogram, type PathSummary, type SweepSummary } from "../../src/index.js";

const latency = (...rttsNs: number[]) => {
  const histogram = new LatencyHistogram();
  for (const rttNs of rttsNs) histogram.record(rttNs);
  return histogram.summary();
};

function path(sourcePort: number, more: Partial<PathSummary> = {}): PathSummary {
  return {
    protocol: "udp",
    source: "198.18.0.2",
    sourcePort,
    target: { address: "203.0.113.53", port: 53 },
    state: "answering",
    site: "e1",
    siteSource: "nsid",
    unsteady: false,
    answered: 6,
    unanswered: 0,
    voided: 0,
    loss: 0,
    latency: latency(1e6),
    ...more,
  };
}

function summary(paths: readonly PathSummary[], more: Partial<SweepSummary> = {}): SweepSummary {
  const inState = (wanted: PathSummary["state"]) => paths.filter(({ state }) => state === wanted).length;
  return {
    index: 0,
    target: "203.0.113.53:53",
    sweeps: 2,
    answering: inState("answering"),
    suspect: inState("suspect"),
    lost: inState("lost"),
    unknown: inState("unknown"),
    sites: [],
    paths,
    ...more,
  };
}

describe("the text of a target's paths", () => {
  it("names sites with their ports, and each path that is lost, loses packets, or is unsteady", () => {
    const silent = { answered: 0, unanswered: 6, loss: 1, latency: latency() };
    const paths = [
      path(42000),
      path(42001, { answered: 4, unanswered: 2, loss: 1 / 3 }),
      path(42002, { unsteady: true }),
      path(42004),
      path(42005, { state: "lost", site: "e2", ...silent }),
      path(42006, { state: "suspect", site: undefined, siteSource: undefined, ...silent, unanswered: 3 }),
    ];
    const site = { site: "e1", paths: 4, share: 1, sourcePorts: [42000, 42001, 42002, 42004], latency: latency(1e6) };
    expect(pathsText(summary(paths, { sites: [site] })).split("\n")).toEqual([
      "203.0.113.53:53  6 paths, 2 sweeps: 4 answered, 1 lost, 1 suspect",
      "  e1  4 paths, 100 %  p50 1.00ms p99 1.00ms  ports 42000-42002 42004",
      "  1 of 6 paths black-holed: nobody answers there, while others are answered:",
      "    udp 198.18.0.2:42005 > 203.0.113.53:53  led to e2  6 of 6 lost",
      "  1 of 6 paths silent in the last sweep, which may be chance:",
      "    udp 198.18.0.2:42006 > 203.0.113.53:53  3 of 3 lost",
      "  1 of 6 paths have lost packets:",
      "    udp 198.18.0.2:42001 > 203.0.113.53:53  e1  2 of 6 lost  p50 1.00ms p99 1.00ms",
      "  packets go to several sites, one by one:",
      "    udp 198.18.0.2:42002 > 203.0.113.53:53  e1  0 of 6 lost  p50 1.00ms p99 1.00ms",
      "",
    ]);
  });

  it("counts what it does not list", () => {
    const lost = Array.from({ length: 20 }, (_, i) => path(42000 + i, { state: "lost" }));
    const lines = pathsText(summary([path(41999), ...lost])).split("\n");
    expect(lines.filter((line) => line.includes("led to"))).toHaveLength(16);
    expect(lines).toContain("    … 4 more");
  });

  it("tells a silent target from one that could not be asked", () => {
    const silent = path(42000, { state: "unknown", answered: 0, unanswered: 3 });
    expect(pathsText(summary([silent]))).toContain("\n  nobody answers on any path\n");
    const unsent = path(42000, { state: "unknown", answered: 0, voided: 3 });
    expect(pathsText(summary([unsent]))).toContain("\n  nothing could be sent from this host\n");
  });
});

describe("the options of anyprobe watch --paths", () => {
  it.each([
    [["--tries", "2"], "expected --paths with --tries, got targets that are asked as one each"],
    [["--first-port", "42000"], "expected --paths with --first-port, got targets that are asked as one each"],
    [["--paths", "1"], "expected a whole number of 2-1024"],
    [["--paths", "4", "--rate", "1k"], "cannot be used with"],
    [["--paths", "4", "--expect-nsid", "e1"], "cannot be used with"],
    [["--paths", "4", "--sweep", "100ms", "--timeout", "1s"], "timeoutMs: expected at most sweepMs (100), got 1000"],
  ])("refuse %j", async (options, message) => {
    const refusal = await program()
      .parseAsync(["watch", "127.0.0.1", ...options], { from: "user" })
      .catch((error: unknown) => error);
    expect((refusal as Error).message).toContain(message);
    expect(exitCodeOf(refusal)).toBe(64);
  });
});

// A watch's metrics: of real answerers as promtool wants them, and of many targets as they are counted.
import { afterEach, describe, expect, it } from "vitest";
import { Answerer } from "../../src/demo/answerer.js";
import { durationBoundsNs } from "../../src/metrics/duration.js";
import { processMetrics } from "../../src/metrics/process.js";
import { type MetricsOptions, WatchMetrics, watchMetrics } from "../../src/watch/metrics.js";
import { Sites } from "../../src/watch/sites.js";
import { Tally } from "../../src/watch/tally.js";
import { totalsOf } from "../../src/watch/totals.js";
import { type Watch, watch } from "../../src/watch/watch.js";
import { freePort } from "../support/answerer.js";
import { skipWithoutLab } from "../support/lab.js";
import { Exposed, promtool, promtoolMissing } from "../support/prometheus.js";

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
});

async function slicesOf(told: { metrics(options?: MetricsOptions): AsyncIterable<string> }, options?: MetricsOptions) {
  const slices: string[] = [];
  for await (const slice of told.metrics(options)) slices.push(slice);
  return slices;
}

const read = async (watched: Watch, options?: MetricsOptions) =>
  new Exposed((await slicesOf(watched, options)).join(""));

describe.skipIf(skipWithoutLab(promtoolMissing()))("the metrics of a watch", () => {
  it("are those that are declared, and as promtool wants them", async () => {
    const site = 'ams "1"\\';
    const one = await Answerer.open({ address: "127.0.0.1", port: 0, nsid: site });
    open.push({ [Symbol.asyncDispose]: () => one.close() });
    const dead = { address: "127.0.0.1", port: await freePort() };
    const live = { address: "127.0.0.1", port: one.port };
    // The first is watched twice.
    const watched = watch([live, dead, live], {
      intervalMs: 20,
      timeoutMs: 10_000,
      rise: 1,
      fall: 2,
      query: { name: "health.example.com", type: "A" },
    });
    open.push(watched);
    const events = watched.events();
    for (let changes = 0; changes < 5; changes++) await events.next();
    await watched.close();

    const exposed = await read(watched, { version: "1.2.3" });
    expect(promtool(["check", "metrics"], exposed.text)).toBe("");
    const { targetDuration, ...quantiles } = watchMetrics;
    const shapes = (metrics: object) =>
      Object.values({ ...processMetrics, ...metrics })
        .map(({ type, name, labels }) => `${type} ${name}{${labels.join(",")}}`)
        .sort();
    expect(exposed.shapes()).toEqual(shapes(quantiles));

    const target = `127.0.0.1:${one.port}`;
    expect(exposed.value("anyprobe_build_info", { version: "1.2.3" })).toBe(1);
    expect(exposed.value("anyprobe_target_up", { target })).toBe(1);
    expect(exposed.value("anyprobe_target_up", { target: `127.0.0.1:${dead.port}` })).toBe(0);
    expect(exposed.value("anyprobe_target_site_info", { target, site, source: "nsid" })).toBe(1);
    expect(exposed.value("anyprobe_watch_site_targets", { site })).toBe(2);
    expect(exposed.value("anyprobe_watch_targets", { state: "up" })).toBe(2);
    expect(["up", "down", "site"].map((kind) => exposed.value("anyprobe_watch_changes_total", { kind }))).toEqual([
      2, 1, 2,
    ]);
    for (const [index, name] of [target, `127.0.0.1:${dead.port}`, `${target}#2`].entries()) {
      const { passed, unreachable, timeouts, latency, rcodes } = watched.summary(index);
      const count = (result: string) => exposed.value("anyprobe_target_probes_total", { target: name, result });
      expect([count("pass"), count("timeout"), count("unreachable") ?? 0]).toEqual([passed, timeouts, unreachable]);
      expect(exposed.value("anyprobe_target_answers_total", { target: name, rcode: "NOERROR" })).toBe(
        rcodes["NOERROR"],
      );
      const quantile = (share: string) =>
        exposed.value("anyprobe_target_rtt_seconds", { target: name, quantile: share });
      if (latency.count > 0)
        expect([quantile("0.5"), quantile("0.99")]).toEqual([latency.p50Ns / 1e9, latency.p99Ns / 1e9]);
      else expect(quantile("0.5")).toBeUndefined();
    }

    const full = await read(watched, { histograms: true });
    expect(promtool(["check", "metrics"], full.text)).toBe("");
    const { targetRtt, ...histograms } = watchMetrics;
    expect(full.shapes()).toEqual(shapes(histograms));
    const { count } = watched.summary(0).latency;
    const bucket = (le: string) => full.value("anyprobe_target_duration_seconds_bucket", { target, le });
    expect([bucket("+Inf"), full.value("anyprobe_target_duration_seconds_count", { target })]).toEqual([count, count]);
    expect(bucket("6.5536")).toBe(count);
  });
});

describe("the metrics of many targets", () => {
  const targets = Array.from({ length: 3000 }, (_, i) => ({ address: `192.0.${i >> 8}.${i & 255}`, port: 53 }));
  const tally = new Tally(targets.length, { rise: 1, fall: 1 });
  const sites = new Sites();
  for (let probe = 0; probe < 60_000; probe++) {
    const index = probe % targets.length;
    tally.answered(index, probe % 7 === 0 ? 2 : 0, 20_000 * (1 + (probe % 1013)), probe, probe % 7 === 0);
    if (probe % 11 === 0) tally.unanswered(index, "timeout", probe);
  }
  const counters = () => ({ stalledNs: 0 }) as never;
  const view = { targets, tally, sites, counters, totals: () => totalsOf(tally, sites, 0) };
  const told = new WatchMetrics(view);
  const metrics = { metrics: (options?: MetricsOptions) => told.expose(options) };

  it("come in slices, between which the event loop has its turn, and each family is in one piece", async () => {
    let turns = 0;
    let over = false;
    const turn = () => {
      turns++;
      if (!over) setImmediate(turn);
    };
    setImmediate(turn);
    const slices = await slicesOf(metrics);
    over = true;
    expect(slices.length).toBeGreaterThan(10);
    expect(Math.max(...slices.map((slice) => slice.length))).toBeLessThan(100_000);
    expect(turns).toBeGreaterThanOrEqual(slices.length - 1);
    const { text } = new Exposed(slices.join(""));
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it("tell what was counted of every target", async () => {
    const { samples } = new Exposed((await slicesOf(metrics)).join(""));
    const sum = (name: string, labels: Record<string, string> = {}) =>
      samples
        .filter((one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value))
        .reduce((total, { value }) => total + value, 0);
    for (const kind of ["pass", "wrong", "timeout"] as const)
      expect(sum("anyprobe_target_probes_total", { result: kind })).toBe(tally.total(kind));
    expect(sum("anyprobe_target_rtt_seconds_count")).toBe(60_000);
    expect(sum("anyprobe_target_answers_total", { rcode: "SERVFAIL" })).toBe(tally.total("wrong"));
    expect(samples.filter(({ name }) => name === "anyprobe_target_up")).toHaveLength(targets.length);
    for (const index of [0, 17, 2999]) {
      const { p50Ns, p90Ns, p99Ns } = tally.latency.summary(index);
      const into = new Float64Array(3);
      tally.latency.percentilesNs(index, [50, 90, 99], into);
      expect([...into]).toEqual([p50Ns, p90Ns, p99Ns]);
    }
  });

  it("tell full histograms that agree with the counts, whose sums are within a bucket of the truth", async () => {
    const { samples } = new Exposed((await slicesOf(metrics, { histograms: true })).join(""));
    const name = "anyprobe_target_duration_seconds";
    const target = "192.0.0.17:53";
    const rtts: number[] = [];
    for (let probe = 17; probe < 60_000; probe += targets.length) rtts.push(20_000 * (1 + (probe % 1013)));
    const of = (suffix: string) =>
      samples.filter((one) => one.name === name + suffix && one.labels["target"] === target);
    const below = of("_bucket").map(({ value }) => value);
    expect(below).toHaveLength(durationBoundsNs.length + 1);
    for (const [i, bound] of durationBoundsNs.entries()) {
      const exact = rtts.filter((ns) => ns <= bound).length;
      const surely = rtts.filter((ns) => ns * (1 + 1 / 32) <= bound).length;
      expect(below[i]! <= exact && below[i]! >= surely, `${bound}`).toBe(true);
    }
    const sum = rtts.reduce((total, ns) => total + ns, 0) / 1e9;
    expect(Math.abs(of("_sum")[0]!.value / sum - 1)).toBeLessThan(1 / 32);
    expect(of("_count")[0]!.value).toBe(rtts.length);
  });
});

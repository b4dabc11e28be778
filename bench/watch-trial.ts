// One trial of the watch, as a program that uses nothing but the library: many targets at a rate for some time, then all that
// is known of them as JSON. Prints its figures. Run by watch.ts in a process of its own.
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { watch } from "../src/index.js";
import { LoopGauge } from "./loop.js";
import type { WatchTask } from "./watch.js";

const { address, port, targets, rate, seconds, file } = JSON.parse(process.argv[2]!) as WatchTask;
const [a, b] = address.split(".");
const all = Array.from({ length: targets }, (_, i) => ({ address: `${a}.${b}.${i >> 8}.${i & 255}`, port }));

const started = performance.now();
const watched = watch(all, { intervalMs: (targets * 1000) / rate });
const startMs = performance.now() - started;
// Beginning is one turn, told apart; from here on the event loop is free.
await sleep(1000);
const gauge = new LoopGauge();
const from = { at: performance.now(), sent: watched.counters().sent };
await sleep(seconds * 1000);
const sentPerSecond = ((watched.counters().sent - from.sent) * 1000) / (performance.now() - from.at);
const watching = gauge.held();

const exporting = performance.now();
const out = createWriteStream(file);
for await (const slice of watched.slices()) {
  if (!out.write(`${slice.map((summary) => JSON.stringify(summary)).join("\n")}\n`)) await once(out, "drain");
}
out.end();
await once(out, "finish");
const exportSeconds = (performance.now() - exporting) / 1000;
const exported = gauge.held();
gauge.close();

const closing = performance.now();
await watched.close();
const closeMs = performance.now() - closing;
const { sent, rows, skipped, tableFull, ringFull, receiveDrops, stalls } = watched.counters();
const { ended, passed, chaosEnded } = watched.totals();
const withHistogram = all.filter((_, index) => watched.summary(index).latency.count > 0).length;
process.stdout.write(
  `${JSON.stringify({
    rate_per_s: sentPerSecond,
    loop_max_ms: Math.max(watching.turnMs, exported.turnMs),
    loop_own_max_ms: Math.max(watching.ownMs, exported.ownMs),
    loop_waited_max_ms: Math.max(watching.waitedMs, exported.waitedMs),
    rss_mib: process.resourceUsage().maxRSS / 1024,
    sent,
    rows,
    counted: ended + chaosEnded,
    answered_share: passed / ended,
    targets_with_histogram: withHistogram,
    export_s: exportSeconds,
    start_ms: startMs,
    watching_own_max_ms: watching.ownMs,
    exporting_own_max_ms: exported.ownMs,
    close_ms: closeMs,
    ...{ skipped, table_full: tableFull, ring_full: ringFull, receive_drops: receiveDrops, stalls },
  })}\n`,
);

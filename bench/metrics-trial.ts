// One trial of the scrapes: a watch with a listener, and curl. Prints its figures: of the scrapes the median, of the event loop the
// worst. Run by metrics.ts in a process of its own.
import { execFile } from "node:child_process";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { watch } from "../src/index.js";
import { metricsHandler } from "../src/metrics/handler.js";
import { HttpListener } from "../src/serve/http.js";
import { median } from "./experiment.js";
import type { MetricsTask } from "./metrics.js";

const { address, port, targets, scrapes } = JSON.parse(process.argv[2]!) as MetricsTask;
const [a, b] = address.split(".");
const all = Array.from({ length: targets }, (_, i) => ({ address: `${a}.${b}.${i >> 8}.${i & 255}`, port }));
const run = promisify(execFile);

await using watched = watch(all);
const place = { address: "127.0.0.1", port: 0 };
const quantiles = await HttpListener.listen(place, [metricsHandler(() => watched.metrics())]);
const histograms = await HttpListener.listen(place, [metricsHandler(() => watched.metrics({ histograms: true }))]);
// Beginning is one turn; then every target is to have answered a few times.
await sleep(5000);

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
// Without a scrape: what the watch and the machine do to it.
await sleep(3000);
const idleLoopMs = delay.max / 1e6;
const quick = await scrape(quantiles, scrapes);
const full = await scrape(histograms, Math.ceil(scrapes / 4));
delay.disable();
for (const listener of [quantiles, histograms]) listener.close();

const { up } = watched.totals();
process.stdout.write(
  `${JSON.stringify({
    scrape_ms: quick.ms,
    scrape_mib: quick.octets / 2 ** 20,
    loop_max_ms: quick.loopMs,
    idle_loop_max_ms: idleLoopMs,
    histograms_scrape_ms: full.ms,
    histograms_scrape_mib: full.octets / 2 ** 20,
    histograms_loop_max_ms: full.loopMs,
    not_up: targets - up,
  })}\n`,
);

async function scrape({ place: { port } }: HttpListener, times: number) {
  const curl = `curl -sf -o /dev/null -w '%{time_total} %{size_download}\\n' http://127.0.0.1:${port}/metrics`;
  const scraping = run("sh", ["-c", `for i in $(seq ${times}); do ${curl} || exit; sleep 0.1; done`]);
  // To start a program takes the event loop some ms, which are not the listener's.
  delay.reset();
  const found = (await scraping).stdout.trimEnd().split("\n");
  const loopMs = delay.max / 1e6;
  const ms = found.map((line) => Number(line.split(" ")[0]) * 1000);
  return { ms: median(ms), octets: Number(found.at(-1)!.split(" ")[1]), loopMs };
}

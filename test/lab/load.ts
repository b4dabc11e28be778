// What `anyprobe run` costs: 100 anycast addresses asked 10 times a second each, alone and beside a host that closes 20,000
// other sockets a second; and whether a kill is still seen at once.
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { stringify } from "yaml";
import { ended } from "../../src/demo/frr.js";
import { Namespace } from "../../src/demo/namespace.js";
import { fetchStatus } from "../../src/run/control.js";
import { monotonicNs } from "../../src/units.js";
import { bars, cpuSeconds, type Experiment, residentMib, round } from "./figures.js";
import { checksOf, program } from "./lab.js";
import { healthAddress, healthName, startUnbound } from "./servers.js";

const addresses = Array.from({ length: 100 }, (_, i) => `203.0.113.${i + 1}`);
const closesPerSecond = 20_000;

/** Binds and closes UDP sockets at a steady rate, as a busy resolver does for its own queries. */
const closer = `
import socket, time
period = 200 / ${closesPerSecond}
due = time.monotonic()
while True:
    for _ in range(200):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("127.0.0.1", 0))
        s.close()
    due += period
    time.sleep(max(0, due - time.monotonic()))
`;

export const load: Experiment = {
  summary: "CPU and memory of `run` with 100 addresses x 10 probes/s, beside 20,000 foreign socket closes/s",
  async run({ seconds = 60 }, say) {
    const namespace = await Namespace.create(`apload${process.pid}`);
    const directory = mkdtempSync(join(tmpdir(), "anyprobe-load-"));
    const children: ChildProcess[] = [];
    try {
      await namespace.ip("address", "add", "198.18.0.1/32", "dev", "lo");
      for (const address of addresses)
        await namespace.ip("address", "add", `${address}/32`, "dev", "lo", "label", "lo:0");
      const server = await startUnbound({ namespace, identity: "e1", addresses: ["127.0.0.1", ...addresses] });
      try {
        const { daemon, control } = await startDaemon(namespace, directory, children);
        const quiet = await usage(daemon, seconds, say, "alone");
        children.push(namespace.spawn("python3", ["-c", closer], { stdio: "ignore" }));
        await sleep(2000);
        const busy = await usage(daemon, Math.min(seconds, 30), say, "beside socket closes");
        const deletions = watchDeletions(namespace, children);
        await sleep(300);
        const killedMs = Date.now();
        server.signal("SIGKILL");
        const gone = await deletions(addresses.length);
        const { counters } = await fetchStatus(control);
        const figures = {
          cpu_percent: quiet.cpuPercent,
          rss_mib: quiet.residentMib,
          probes_per_second: quiet.probesPerSecond,
          cpu_percent_more_beside_closes: round(Math.max(0, busy.cpuPercent - quiet.cpuPercent)),
          first_address_gone_ms: gone[0]! - killedMs,
          last_address_gone_ms: gone.at(-1)! - killedMs,
        };
        const bounds = { cpu_percent: 4, rss_mib: 120, cpu_percent_more_beside_closes: 2, last_address_gone_ms: 100 };
        return { figures: { ...figures, counters, seconds }, failures: bars("load", figures, bounds) };
      } finally {
        await server.stop();
      }
    } finally {
      for (const child of children) child.kill("SIGKILL");
      await Promise.all(children.map(ended));
      await namespace.remove();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

async function startDaemon(namespace: Namespace, directory: string, children: ChildProcess[]) {
  const control = join(directory, "anyprobe.sock");
  const file = join(directory, "anyprobe.yaml");
  const check = {
    dns: { name: healthName, type: "A" },
    expect: { answers: [healthAddress] },
    interval: "100ms",
    fast_interval: "20ms",
    stable_for: "1s",
  };
  const prefixes = addresses.map((address) => `${address}/32`);
  const service = { prefixes, checks: [check], route: ["address"], guard: "none", damping: "none" };
  writeFileSync(
    file,
    stringify({ control, announce_gap: "0s", state: join(directory, "state.json"), services: { many: service } }),
  );
  const daemon = namespace.spawn(process.execPath, [program, "run", "-c", file], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  children.push(daemon);
  for (let tries = 0; ; tries++) {
    const status = await fetchStatus(control).catch(() => undefined);
    if (status && checksOf(status).every(({ state }) => state === "up")) return { daemon, control };
    if (tries > 200) throw new Error("the daemon's checks did not come up within 20 s");
    await sleep(100);
  }
}

async function usage(daemon: ChildProcess, seconds: number, say: (text: string) => void, when: string) {
  const pid = daemon.pid!;
  const [startNs, before] = [monotonicNs(), cpuSeconds(pid)];
  await sleep(seconds * 1000);
  const took = (monotonicNs() - startNs) / 1e9;
  const cpuPercent = round((100 * (cpuSeconds(pid) - before)) / took);
  say(`${when}: ${cpuPercent} % of a core, ${residentMib(pid)} MiB`);
  return { cpuPercent, residentMib: residentMib(pid), probesPerSecond: addresses.length * 10 };
}

/** watchDeletions resolves with the wall times, in ms, at which so many addresses went. */
function watchDeletions(namespace: Namespace, children: ChildProcess[]) {
  const child = namespace.spawn("ip", ["-o", "monitor", "address"], { stdio: ["ignore", "pipe", "ignore"] });
  children.push(child);
  const times: number[] = [];
  const lines = createInterface({ input: child.stdout! });
  lines.on("line", (line) => {
    if (line.startsWith("Deleted")) times.push(Date.now());
  });
  return async (count: number) => {
    for (let tries = 0; times.length < count && tries < 200; tries++) await sleep(50);
    return times.length < count ? [Number.NaN] : times;
  };
}

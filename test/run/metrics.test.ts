// The metrics of a real daemon, over HTTP and in the textfile, and what promtool says of them.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import type { Metric } from "../../src/metrics/exposition.js";
import { processMetrics } from "../../src/metrics/process.js";
import { runFamilies, runMetrics } from "../../src/run/metrics.js";
import { countMetrics, type EventCounts, reasonOf } from "../../src/run/metrics-count.js";
import { stands } from "../support/daemon.js";
import { anycast, type Host, hostMissing } from "../support/host.js";
import { skipWithoutLab } from "../support/lab.js";
import { Exposed, promtool, promtoolMissing } from "../support/prometheus.js";
import { prefixReport, statusOf } from "../support/status.js";
import { makeHost, makeWell } from "../support/well-host.js";

const listen = "127.0.0.1:9353";
const script = `const [url, authorization = ""] = process.argv.slice(1);
const answer = await fetch(url, { headers: { authorization } });
process.stdout.write(JSON.stringify({ status: answer.status, type: answer.headers.get("content-type"), text: await answer.text() }));`;

/** What the daemon's listener answers, asked in its namespace. */
async function get(host: Host, path: string, ...authorization: string[]) {
  const url = `http://${listen}${path}`;
  const argv = ["--input-type=module", "-e", script, url, ...authorization];
  return JSON.parse(await host.namespace.exec(process.execPath, ...argv)) as {
    status: number;
    type: string;
    text: string;
  };
}

async function scrape(host: Host): Promise<Exposed> {
  const { status, text } = await get(host, "/metrics");
  expect(status).toBe(200);
  return new Exposed(text);
}

const shapeOf = ({ type, name, labels }: Metric) => `${type} ${name}{${labels.join(",")}}`;
const declared = [...Object.values(processMetrics), ...Object.values(runMetrics), ...Object.values(countMetrics)];
/** These a host without a router, where nothing was moved and nothing ordered, does not have. */
const absent = new Set(
  ["actions_total", "guard_held", "guard_others", "guard_needed", "order", "cpu_steal_ratio"].map(
    (name) => `anyprobe_${name}`,
  ),
);

describe.skipIf(skipWithoutLab(hostMissing() ?? promtoolMissing()))("the daemon's metrics", () => {
  test("are those that are declared, and as promtool wants them, over HTTP and in the file", async () => {
    const host = await makeHost();
    await host.answer();
    const textfile = join(host.directory, "anyprobe.prom");
    const daemon = host.run(
      host.config({
        top: { listen, textfile },
        address: { lease: "10s" },
        service: {
          objective: { loss: "1%", latency: { p99: "200ms" }, min_samples: 1, window: "10s", fast_window: "5s" },
        },
      }),
    );
    await daemon.until((status) => stands("announced", anycast)(status) && status.counters.rows > 5);

    await expect
      .poll(async () => (await scrape(host)).value("anyprobe_objective_bad_ratio", { bound: "loss", window: "slow" }), {
        timeout: 10_000,
      })
      .toBe(0);
    const { text, type } = await get(host, "/metrics");
    expect(type).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(promtool(["check", "metrics"], text)).toBe("");
    const exposed = new Exposed(text);
    const expected = declared
      .filter(({ name }) => !absent.has(name))
      .map(shapeOf)
      .sort();
    expect(exposed.shapes().filter((shape) => !absent.has(shape.replace(/^\w+ (\w+).*/, "$1")))).toEqual(expected);
    for (const { name, help } of declared) if (exposed.helps.has(name)) expect(exposed.helps.get(name)).toBe(help);

    const at = { service: "resolver", prefix: anycast };
    expect(exposed.value("anyprobe_probes_total", { ...at, result: "pass" })).toBeGreaterThan(0);
    expect(exposed.value("anyprobe_probes_total", { ...at, result: "fail" })).toBe(0);
    expect(exposed.value("anyprobe_check_state", { ...at, state: "up" })).toBe(1);
    expect(exposed.value("anyprobe_check_state", { ...at, state: "down" })).toBe(0);
    expect(exposed.value("anyprobe_service_state", { ...at, state: "announced" })).toBe(1);
    expect(exposed.value("anyprobe_announcement", { prefix: anycast, state: "announced" })).toBe(1);
    expect(exposed.value("anyprobe_announcement_verified", { prefix: anycast })).toBe(1);
    const left = exposed.value("anyprobe_lease_left_seconds", { prefix: anycast })!;
    expect(left > 0 && left <= 10).toBe(true);
    const count = exposed.value("anyprobe_probe_duration_seconds_count", { service: "resolver" })!;
    expect(count).toBeGreaterThan(0);
    expect(exposed.value("anyprobe_probe_duration_seconds_bucket", { le: "+Inf" })).toBe(count);
    expect(exposed.value("anyprobe_probe_duration_seconds_sum")).toBeGreaterThan(0);
    expect(exposed.value("anyprobe_frozen")).toBe(0);

    const file = readFileSync(textfile, "utf8");
    expect(promtool(["check", "metrics"], file)).toBe("");
    expect(new Exposed(file).value("anyprobe_build_info")).toBe(1);
    await daemon.stop();
    expect(existsSync(textfile)).toBe(false);
  });

  test("tell of a death, an order and a freeze", async () => {
    const { host, server, daemon } = await makeWell({ top: { listen } });
    server.kill("SIGKILL");
    await daemon.until(stands("withdrawn", anycast));
    const after = await scrape(host);
    expect(after.value("anyprobe_announcement", { prefix: anycast, state: "withdrawn" })).toBe(1);
    expect(after.value("anyprobe_announcement", { prefix: anycast, state: "announced" })).toBe(0);
    const down = after.samples.filter(
      ({ name, labels }) => name === "anyprobe_transitions_total" && labels["to"] === "down",
    );
    expect(down).toMatchObject([
      { value: 1, labels: { service: "resolver", prefix: anycast, reason: "port unreachable" } },
    ]);
    expect(after.value("anyprobe_actions_total", { action: "withdraw", result: "ok" })).toBe(1);
    expect(after.value("anyprobe_events_total", { kind: "check", level: "warn" })).toBeGreaterThan(0);
    for (const verb of [["freeze"], ["hold", anycast]])
      await host.namespace.exec(
        process.execPath,
        "dist/cli/main.js",
        ...verb,
        "--reason",
        "test",
        "--control",
        host.control,
      );
    const ordered = await scrape(host);
    expect(ordered.value("anyprobe_frozen")).toBe(1);
    expect(ordered.value("anyprobe_order", { prefix: anycast, kind: "hold" })).toBe(1);
    for (const metric of [countMetrics.actions, runMetrics.order]) expect(ordered.shapes()).toContain(shapeOf(metric));
    expect(promtool(["check", "metrics"], ordered.text)).toBe("");
  });

  test("are for whoever has the token, where there is one, and a reload does not move the listener", async () => {
    const host = await makeHost();
    await host.answer();
    const file = join(host.directory, "token");
    writeFileSync(file, "0123456789abcdef\n", { mode: 0o600 });
    const config = host.config({ top: { listen: "0.0.0.0:9353", token_file: file } });
    const daemon = host.run(config);
    await daemon.until(stands("announced", anycast));
    expect((await get(host, "/metrics")).status).toBe(401);
    expect((await get(host, "/metrics", "Bearer 0123456789abcdef")).status).toBe(200);
    host.writeConfig(host.config());
    daemon.signal("SIGHUP");
    for (const key of ["listen", "token_file"])
      expect((await daemon.logged((line) => line["key"] === key)).msg).toMatch(/takes effect at the next start/);
    expect((await get(host, "/metrics")).status).toBe(401);
    await daemon.stop();
  });

  test("a port that is taken, and a token that anybody may read, keep the daemon from starting, and nothing was changed", async () => {
    const host = await makeHost();
    await host.answer();
    const file = join(host.directory, "token");
    writeFileSync(file, "0123456789abcdef\n", { mode: 0o644 });
    const open = host.run(host.config({ top: { listen, token_file: file } }));
    expect(await open.exit()).toBe(78);
    expect(open.stderr).toMatch(/token file .*: expected a file that not everybody may read, got mode 644/);
    const holder = host.spawn(process.execPath, [
      "-e",
      `require("net").createServer().listen(9353, "127.0.0.1", () => process.stdout.write("listening"))`,
    ]);
    await new Promise((resolve) => holder.stdout!.once("data", resolve));
    const taken = host.run(host.config({ top: { listen } }));
    expect(await taken.exit()).toBe(69);
    expect(taken.stderr).toContain("could not listen at 127.0.0.1:9353: EADDRINUSE (another process does)");
    expect(await host.hasAddress()).toBe(true);
    expect(existsSync(host.control)).toBe(false);
  });

  test("a textfile that cannot be written is told of once, and the daemon goes on", async () => {
    const host = await makeHost();
    await host.answer();
    const daemon = host.run(host.config({ top: { textfile: join(host.directory, "missing", "anyprobe.prom") } }));
    expect((await daemon.logged(({ event }) => event === "textfile")).msg).toMatch(/could not be written: ENOENT/);
    await daemon.until(stands("announced", anycast));
    expect(await daemon.stop()).toBe(0);
  });
});

describe("runFamilies", () => {
  const guarded = (others: number | null) => {
    const guard = { held: true, others, needed: 1, reason: null };
    const status = statusOf([]);
    const services = ["a", "b"].map((name) => ({ name, prefixes: [prefixReport({ guard })] }));
    const counts = { collect() {} } as unknown as EventCounts;
    const families = runFamilies({ status: { ...status, services }, checks: [], leases: [], counts });
    return new Exposed(families.map(({ samples }) => [...samples].join("")).join(""));
  };

  it("tell of a guard, once for a prefix that services share", () => {
    const exposed = guarded(2);
    const at = { prefix: anycast };
    expect(["held", "others", "needed"].map((name) => exposed.value(`anyprobe_guard_${name}`, at))).toEqual([1, 2, 1]);
    expect(exposed.value("anyprobe_announcement", { ...at, state: "announced" })).toBe(1);
    expect(exposed.value("anyprobe_probes_total", { ...at, service: "b", result: "pass" })).toBe(3);
  });

  it("do not say how many others there are where that cannot be known", () => {
    expect(guarded(null).value("anyprobe_guard_others")).toBeUndefined();
  });
});

describe("reasonOf", () => {
  const causes = (...found: [string, number][]) => found.map(([cause, count]) => ({ cause, count }));
  it.each([
    ["up", causes(["pass", 3]), "pass"],
    ["rising", causes(["timeout", 9], ["pass", 1]), "pass"],
    ["down", causes(["pass", 9], ["timeout", 1], ["port unreachable", 3]), "port unreachable"],
    ["down", causes(["rcode SERVFAIL, expected NOERROR", 3]), "rcode SERVFAIL"],
    ["falling", causes(["rtt 1.20s, over 1.00s", 3]), "slow"],
    ["down", causes(["malformed answer: a stranger's words", 3]), "malformed answer"],
    ["down", causes(["answers 192.0.2.1, expected 198.51.100.80", 3]), "other"],
    ["down", causes(["DISK full of a stranger's words", 3]), "other"],
    ["unknown", causes(["EPERM", 2]), "EPERM"],
    ["unknown", causes(["EVERYTHING", 2]), "other"],
    ["unknown", causes(), "no answer was judged"],
  ] as const)("%s after %j: %s", (to, found, reason) => {
    expect(reasonOf(to, found)).toBe(reason);
  });
});

// What `anyprobe watch` shows to others: a process, scraped while it runs.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Answerer } from "../../src/demo/answerer.js";
import { freePort } from "../support/answerer.js";
import { anyprobe, Command } from "../support/command.js";
import { Exposed } from "../support/prometheus.js";

let answerer: Answerer;
let target: string;
const directory = mkdtempSync(join(tmpdir(), "anyprobe-watch-"));
beforeAll(async () => {
  answerer = await Answerer.open({ address: "127.0.0.1", port: 0, nsid: "e1" });
  target = `127.0.0.1:${answerer.port}`;
});
afterAll(async () => {
  await answerer.close();
  rmSync(directory, { recursive: true, force: true });
});

const asked = ["--query", "health.example.com/A", "-t", "5s", "--interval", "50ms", "--json"];

it("shows its metrics over HTTP and in a file, until it ends", async () => {
  // A TCP port that is free as a UDP one may be taken: then the watch says so, and the test fails.
  const place = `127.0.0.1:${await freePort()}`;
  const textfile = join(directory, "anyprobe.prom");
  const options = ["--listen", place, "--textfile", textfile, "--metrics-histograms"];
  const command = new Command("watch", target, ...asked, ...options);
  await command.printed((out) => out.includes('"kind":"up"'));
  const scrape = async () => new Exposed(await (await fetch(`http://${place}/metrics`)).text());
  const exposed = await scrape();
  expect(exposed.value("anyprobe_target_up", { target })).toBe(1);
  expect(exposed.value("anyprobe_target_duration_seconds_count", { target })).toBeGreaterThan(0);
  expect(exposed.types.has("anyprobe_target_rtt_seconds")).toBe(false);
  expect(exposed.samples.find(({ name }) => name === "anyprobe_build_info")!.labels["version"]).toMatch(/^\d/);
  await expect.poll(() => existsSync(textfile)).toBe(true);
  const ended = command.ended();
  command.child.kill("SIGINT");
  const { code, err } = await ended;
  expect([code, err]).toEqual([0, ""]);
  expect(existsSync(textfile)).toBe(false);
  await expect(scrape()).rejects.toThrow();
});

it.each([
  [["--listen", "0.0.0.0:0"], 78, "listen: expected a loopback address, got 0.0.0.0:0"],
  [["--listen", "9353"], 64, "expected an address and a port as 127.0.0.1:9353"],
  [["--listen", "127.0.0.1:0", "--token-file", "/nowhere/token"], 78, "token file /nowhere/token: could not be read"],
  [["--listen", "127.0.0.1:0", "--paths", "2"], 64, "--paths"],
])("refuses %j with %i", async (options, code, message) => {
  const ended = await anyprobe("watch", target, ...asked.filter((one) => !/interval|50ms/.test(one)), ...options);
  expect([ended.code, ended.err]).toEqual([code, expect.stringContaining(message)]);
});

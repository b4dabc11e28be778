// `anyprobe watch` as a process, against real answerers: records in a pipe, a table on a terminal, lines and exit codes with --once.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exitCodeOf } from "../../src/cli/exit.js";
import { program } from "../../src/cli/program.js";
import { neededOf } from "../../src/cli/watch-once.js";
import { Answerer } from "../../src/demo/answerer.js";
import { freePort } from "../support/answerer.js";
import { anyprobe, Command } from "../support/command.js";

let port: string;
const answerers: Answerer[] = [];
const query = ["--query", "health.example.com/A", "-t", "5s"];

beforeAll(async () => {
  port = String(await freePort());
  for (const [address, nsid] of [
    ["127.0.0.11", "e1"],
    ["127.0.0.12", "e2"],
  ] as const)
    answerers.push(await Answerer.open({ address, port: Number(port), nsid }));
});
afterAll(async () => {
  for (const one of answerers) await one.close();
});

type Row = Record<string, unknown> & { readonly type: string };
const recordsOf = (out: string) =>
  out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Row);

describe("anyprobe watch in a pipe", () => {
  it("prints what changes as it happens, summaries, and with --json each target at the end", async () => {
    const addresses = ["127.0.0.11", "127.0.0.12", "127.0.0.13"];
    const options = ["-p", port, ...query, "--interval", "50ms", "--report", "300ms", "--json"];
    const command = new Command("watch", ...addresses, ...options);
    const told = (out: string, kind: string) => out.split(`"kind":"${kind}"`).length - 1;
    await command.printed((out) => told(out, "up") === 2 && told(out, "down") === 1 && out.includes('"final":false'));
    const ended = command.ended();
    command.child.kill("SIGINT");
    const { code, out, err } = await ended;
    expect([code, err]).toEqual([0, ""]);
    const records = recordsOf(out);
    expect(records.every(({ schema_version }) => schema_version === 1)).toBe(true);
    expect(records[0]).toMatchObject({ type: "start", question: "health.example.com/A", interval_ms: 50, targets: 3 });
    const events = records.filter(({ type }) => type === "event");
    expect(
      events.filter(({ kind }) => kind === "site").map(({ target, site, site_source }) => [target, site, site_source]),
    ).toEqual(
      expect.arrayContaining([
        [`127.0.0.11:${port}`, "e1", "nsid"],
        [`127.0.0.12:${port}`, "e2", "nsid"],
      ]),
    );
    expect(events.find(({ kind }) => kind === "down")).toMatchObject({
      target: `127.0.0.13:${port}`,
      index: 2,
      reason: "unreachable (ECONNREFUSED)",
      at_ms: expect.any(Number),
    });
    const targets = records.filter(({ type }) => type === "target");
    expect(targets).toMatchObject([
      { index: 0, state: "up", site: "e1", rcodes: { NOERROR: expect.any(Number) } },
      { index: 1, state: "up", site: "e2" },
      { index: 2, state: "down", site: null, loss: 1, latency: { count: 0, p50_ns: null } },
    ]);
    const last = records.at(-1)!;
    expect(last).toMatchObject({ type: "summary", final: true, targets: 3, up: 2, down: 1, sites: { e1: 1, e2: 1 } });
    expect(last["worst"]).toEqual([{ target: `127.0.0.13:${port}`, state: "down", loss: 1 }]);
    expect(last["ended"]).toBe(targets.reduce((sum, { ended }) => sum + (ended as number), 0));
    expect(last["sent"]).toBe(last["ended"]);
  });

  it("ends by itself after --count or --for", async () => {
    const [count, span] = await Promise.all([
      anyprobe("watch", "127.0.0.11", "-p", port, ...query, "--interval", "10ms", "-c", "5"),
      anyprobe("watch", "127.0.0.11", "-p", port, ...query, "--interval", "10ms", "--for", "200ms"),
    ]);
    expect([count.code, span.code]).toEqual([0, 0]);
    expect(recordsOf(count.out).at(-1)).toMatchObject({ type: "summary", ended: 5, passed: 5 });
    expect(recordsOf(span.out).at(-1)).toMatchObject({ type: "summary", final: true });
  });
});

describe("anyprobe watch --once", () => {
  it("prints a line for each target, and ends by the quorum", async () => {
    const options = ["-p", port, ...query, "--once", "--interval", "20ms"];
    const [half, all, json] = await Promise.all([
      anyprobe("watch", "127.0.0.11", "127.0.0.13", ...options, "--quorum", "50%"),
      anyprobe("watch", "127.0.0.11", "127.0.0.13", ...options, "-c", "2"),
      anyprobe("watch", "127.0.0.12", ...options, "--expect-answer", "192.0.2.1", "--json"),
    ]);
    expect([half.code, all.code, json.code]).toEqual([0, 1, 1]);
    const lines = half.out.split("\n");
    expect(lines[0]).toMatch(
      new RegExp(`^127.0.0.11:${port} : xmt/rcv/%loss = 3/3/0%, min/avg/max = [\\d.]+/[\\d.]+/[\\d.]+, site = e1$`),
    );
    expect(lines.slice(1)).toEqual([
      `127.0.0.13:${port} : xmt/rcv/%loss = 3/0/100%`,
      "1 of 2 targets answer well, 1 needed",
      "",
    ]);
    expect(all.out).toContain("xmt/rcv/%loss = 2/0/100%\n1 of 2 targets answer well, 2 needed\n");
    const [target, end] = recordsOf(json.out);
    expect(target).toMatchObject({ type: "target", wrong: 3, loss: 0, state: "down" });
    expect(end).toMatchObject({ type: "once", quorum: { well: 0, needed: 1, met: false } });
  });

  it.each([
    [{ share: 1 }, 3, 3],
    [{ share: 0.5 }, 3, 2],
    [{ share: 0.1 }, 30, 3],
    [{ share: 0 }, 3, 0],
    [{ count: 2 }, 3, 2],
  ])("needs for %j of %i targets %i", (quorum, targets, needed) => {
    expect(neededOf(quorum, targets)).toBe(needed);
  });
});

describe("anyprobe watch on a terminal", () => {
  it("shows the table in the alternate screen until q, and then leaves the terminal as it was, with a summary", async () => {
    const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
    const argv = [process.execPath, "--import", import.meta.resolve("tsx"), main, "watch", "127.0.0.11", "127.0.0.13"];
    const line = [...argv, "-p", port, ...query, "--interval", "50ms"].join(" ");
    const child = spawn("script", ["-qefc", `stty rows 20 cols 100; ${line}`, "/dev/null"], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, NO_COLOR: "1" },
    });
    let out = "";
    const shown = new Promise<void>((resolve) => {
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        out += text;
        if (out.includes("1 up  1 down")) resolve();
      });
    });
    await Promise.race([shown, once(child, "close")]);
    child.stdin.write("q");
    const [code] = await once(child, "close");
    expect(code).toBe(0);
    const [before, after] = out.split("\x1b[?25h\x1b[?1049l");
    expect(before!.startsWith("\x1b[?1049h\x1b[?25l")).toBe(true);
    expect(before).toMatch(new RegExp(`127.0.0.13:${port} +down +100%`));
    expect(before).toMatch(new RegExp(`127.0.0.11:${port} +up +0% .* e1\x1b`));
    expect(before).toContain(`127.0.0.13:${port} is down: unreachable (ECONNREFUSED)`);
    expect(after).toMatch(/^2 targets {2}health.example.com\/A every 50.0ms {2}1 up {2}1 down/);
    expect(after).toMatch(new RegExp(`127.0.0.13:${port} +down`));
  });
});

describe("what anyprobe watch refuses", () => {
  it.each([
    [["192.0.2.1", "--quorum", "3"], "expected --once with --quorum"],
    [["192.0.2.1", "--interval", "1s", "--rate", "5"], "cannot be used with option"],
    [["192.0.2.1", "--query", "www"], 'expected a question as www.example.com/A, got "www"'],
    [["192.0.2.1", "--query", "www/BOGUS"], 'expected a DNS type like A or TYPE65280, got "BOGUS"'],
    [["192.0.2.1", "-a", "192.0.2.2,192.0.2.3"], "expected one source address a family"],
  ])("%j", async (argv, message) => {
    const error = await program()
      .parseAsync(["node", "anyprobe", "watch", ...argv])
      .catch((error: unknown) => error);
    expect(exitCodeOf(error)).toBe(64);
    expect((error as Error).message).toContain(message);
  });
});

it("watch and check use nothing of watching, the engine or measuring but what the library exports", () => {
  const directory = new URL("../../src/cli/", import.meta.url);
  const files = readdirSync(directory).filter((file) => /^(watch|check)(-|\.)/.test(file));
  expect(files.length).toBeGreaterThan(8);
  for (const file of files) {
    const source = readFileSync(new URL(file, directory), "utf8");
    // The page is no watching: it shows what a watch tells.
    expect(source, file).not.toMatch(/"\.\.\/(watch\/(?!page\.js)|engine\/|measure\/)/);
  }
});

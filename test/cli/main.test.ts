// The command as a process: what it prints where, and how it ends.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { program } from "../../src/cli/program.js";
import { tree } from "../../src/cli/tree.js";
import { codes } from "../../src/errors.js";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const good = at("../run/config/good-small.yaml");
const faulty = at("../run/config/many.yaml");

function anyprobe(...args: string[]) {
  const { NO_COLOR: _, FORCE_COLOR: __, ...env } = process.env;
  const run = spawnSync(process.execPath, ["--import", "tsx", at("../../src/cli/main.ts"), ...args], {
    encoding: "utf8",
    env,
  });
  return { code: run.status, out: run.stdout, err: run.stderr };
}

describe("anyprobe", () => {
  it("prints the version of package.json", () => {
    const { version } = JSON.parse(readFileSync(at("../../package.json"), "utf8"));
    expect(anyprobe("--version")).toEqual({ code: 0, out: `${version}\n`, err: "" });
  });

  it("prints help with examples for every verb", () => {
    for (const command of tree(program()).slice(1)) {
      let help = "";
      command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
      expect(help, command.name()).toContain("\nExamples:\n  ");
    }
    expect(anyprobe("run", "--help")).toMatchObject({ code: 0, err: "" });
  });

  it("prints its help and ends with 64 where no verb is given", () => {
    const { code, err } = anyprobe();
    expect(code).toBe(64);
    expect(err).toMatch(/^Usage: anyprobe/);
    expect(err).not.toContain("anyprobe: ");
  });
});

describe("a reader that stops reading", () => {
  it("ends it without a word", async () => {
    const child = spawn(process.execPath, ["--import", "tsx", at("../../src/cli/main.ts"), "config", "schema"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.destroy();
    const [err, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
    expect([code, err]).toEqual([0, ""]);
  });
});

describe("a wrong use", () => {
  it.each([
    [["config", "help"], "anyprobe: unknown command 'help'\n"],
    [["rum"], "anyprobe: unknown command 'rum' (Did you mean run?)\n"],
    [["run", "--anycst", "203.0.113.53"], "anyprobe: unknown option '--anycst' (Did you mean --anycast?)\n"],
    [["status", "now"], "anyprobe: too many arguments for 'status'. Expected 0 arguments but got 1.\n"],
    [["run", "--query", "a.example/A"], "anyprobe: expected --anycast beside --query, got none\n"],
    [["run", "--fall", "2"], "anyprobe: expected --anycast and --query beside --fall, got none\n"],
    [["run", "-c", good, "--fall", "2"], "anyprobe: expected --config or --fall, got both (write it into the file)\n"],
  ])("%j ends with 64 and one line", (args, err) => {
    expect(anyprobe(...args)).toEqual({ code: 64, out: "", err });
  });

  it("is one JSON object where --json was asked for", () => {
    const { code, err } = anyprobe("status", "now", "--json");
    const message = "too many arguments for 'status'. Expected 0 arguments but got 1.";
    expect([code, JSON.parse(err)]).toEqual([64, { error: { code: "usage", message, faults: [] } }]);
  });
});

describe("anyprobe config", () => {
  it("check says that a good file is good", () => {
    expect(anyprobe("config", "check", "-c", good)).toEqual({
      code: 0,
      out: `${good}: ok (1 service, 1 prefix, 1 check)\n`,
      err: "",
    });
  });

  it("check warns and still ends with 0", () => {
    const file = at("../run/config/good-shared.yaml");
    const { code, err } = anyprobe("config", "check", "-c", file);
    expect(code).toBe(0);
    expect(err.split("\n")[0]).toBe(
      `anyprobe: warning: ${file}:6:43 services.resolver.route[1].address.lease: a lease below 10s takes the route down when this host is busy, got 5s`,
    );
  });

  it("check names every fault and ends with 78", () => {
    const { code, out, err } = anyprobe("config", "check", "-c", faulty);
    expect([code, out]).toEqual([78, ""]);
    expect(err.trimEnd().split("\n")).toHaveLength(5);
    expect(err.split("\n")[0]).toBe(`anyprobe: ${faulty}:1:8 hints: expected true or false, got "maybe"`);
  });

  it("check --json gives the faults as data", () => {
    const { code, err } = anyprobe("config", "check", "--json", "-c", faulty);
    const { error } = JSON.parse(err);
    expect([code, error.code, error.faults.length]).toEqual([78, "ERR_CONFIG_INVALID", 5]);
    expect(Object.keys(codes)).toContain(error.code);
    expect(error.faults[0]).toEqual({
      path: "hints",
      line: 1,
      column: 8,
      message: 'expected true or false, got "maybe"',
    });
  });

  it("check of a missing file ends with 78", () => {
    expect(anyprobe("config", "check", "-c", "/nonexistent.yaml")).toEqual({
      code: 78,
      out: "",
      err: "anyprobe: /nonexistent.yaml: expected a readable file, got ENOENT\n",
    });
  });

  it("print gives YAML with every default", () => {
    const { code, out } = anyprobe("config", "print", "-c", good);
    expect([code, parse(out).services.resolver.checks[0].fall]).toEqual([0, 3]);
  });

  it("schema gives a JSON schema", () => {
    const { code, out } = anyprobe("config", "schema");
    expect([code, Object.keys(JSON.parse(out).properties)]).toEqual([
      0,
      [
        ...["source", "control", "state", "listen", "token_file", "textfile", "log_level", "hints"],
        ...["min_gap", "announce_gap", "services"],
      ],
    ]);
  });
});

describe("anyprobe run", () => {
  it.skipIf(existsSync("/etc/anyprobe/anyprobe.yaml"))("says which two forms there are where neither is given", () => {
    expect(anyprobe("run")).toEqual({
      code: 78,
      out: "",
      err: "anyprobe: /etc/anyprobe/anyprobe.yaml: expected a readable file, got ENOENT (name a file with -c, or give --anycast and --query)\n",
    });
  });

  it("names the option that is wrong and ends with 78", () => {
    expect(anyprobe("run", "--anycast", "203.0.113.53", "--query", "a.example/A", "--interval", "500")).toEqual({
      code: 78,
      out: "",
      err: 'anyprobe: --interval: expected a duration like 250ms, got "500" (write 500s, or another unit)\n',
    });
  });
});

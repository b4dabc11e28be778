// The exec driver with real programs: shell scripts that keep the prefixes' state in files.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RouteError } from "../../src/errors.js";
import type { DriverEvent } from "../../src/route/driver.js";
import { ExecDriver, type ExecOptions } from "../../src/route/exec.js";
import { type Prefix, prefixOf } from "../../src/route/prefix.js";
import { monotonicNs, nsPerMs } from "../../src/units.js";
import { within } from "../support/daemon.js";

const a = prefixOf("203.0.113.53");
const b = prefixOf("2001:db8::53");
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "anyprobe-exec-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const path = (name: string) => join(folder, name);
const stateOf = (prefix: Prefix) => path(prefix.replace("/", "_"));

/** program writes a shell script; `$state` is the prefix's file, and `$folder` the place of all. */
function program(name: string, script: string): readonly string[] {
  const head = `#!/bin/sh\nfolder=${folder}\nstate=$folder/$(echo "$ANYPROBE_PREFIX" | tr / _)\n`;
  writeFileSync(path(name), head + script);
  chmodSync(path(name), 0o755);
  return [path(name)];
}

const mover = () => program("move", 'echo "$ANYPROBE_TO" > "$state"');
const reader = () => program("observe", 'cat "$state" 2>/dev/null || echo announced');

async function make(options: Partial<ExecOptions> = {}, changes: Parameters<ExecDriver["open"]>[0] = []) {
  const explain = () => ({ services: ["resolver", "mail"], reason: "check dns is down", evidence: [{ check: "dns" }] });
  const driver = new ExecDriver({ command: mover(), timeoutMs: 10_000, deprefer: false, explain, ...options });
  const events: DriverEvent[] = [];
  await driver.open(changes, (event) => events.push(event));
  const observed = async (prefix = a) => (await driver.observe([prefix])).get(prefix)!;
  return { driver, observed, events };
}

async function refusal(act: Promise<void>): Promise<RouteError> {
  const error = await act.then(
    () => undefined,
    (thrown) => thrown,
  );
  if (!(error instanceof RouteError)) throw error ?? new Error("it was not refused");
  return error;
}

describe("the program", () => {
  it("is told which prefix is to become what, from what and why", async () => {
    const { driver } = await make({
      command: [
        ...program(
          "tell",
          'env | grep ^ANYPROBE_ | grep -v ^ANYPROBE_LAB= | sort > "$folder/env"; cat > "$folder/in"; echo "$@" > "$folder/argv"',
        ),
        "$HOME",
        "a b",
      ],
      observe: reader(),
      deprefer: true,
    });
    await driver.observe([a]);
    await driver.deprefer([a], "drained");
    expect(readFileSync(path("env"), "utf8").trim().split("\n")).toEqual([
      "ANYPROBE_COST=40000",
      "ANYPROBE_FROM=announced",
      `ANYPROBE_PREFIX=${a}`,
      "ANYPROBE_REASON=check dns is down",
      "ANYPROBE_SERVICE=resolver,mail",
      "ANYPROBE_TO=drained",
    ]);
    expect(JSON.parse(readFileSync(path("in"), "utf8"))).toEqual({
      schema_version: 1,
      services: ["resolver", "mail"],
      prefix: a,
      from: "announced",
      to: "drained",
      cost: 40_000,
      reason: "check dns is down",
      evidence: [{ check: "dns" }],
    });
    expect(readFileSync(path("argv"), "utf8")).toBe("$HOME a b\n");
  });

  it("has no cost where the prefix is not depreferred, and need not read what it is told", async () => {
    const evidence = Array.from({ length: 20_000 }, (_, i) => ({ i }));
    const explain = () => ({ services: ["resolver"], reason: "", evidence });
    const { driver } = await make({ command: program("cost", 'echo "<$ANYPROBE_COST>" > "$folder/cost"'), explain });
    await driver.withdraw([a]);
    expect(readFileSync(path("cost"), "utf8")).toBe("<>\n");
  });

  it.each([
    ["exit 3", "ended with status 3"],
    ["echo 'no such neighbour' >&2; echo more >&2; exit 1", "ended with status 1: no such neighbour"],
    ["kill -TERM $$", "was ended by SIGTERM"],
  ])("that does `%s` has refused", async (script, words) => {
    const { driver, observed } = await make({ command: program("fail", script) });
    const error = await refusal(driver.withdraw([a]));
    expect(error).toMatchObject({ code: "ERR_ROUTE_REFUSED", driver: "exec", prefixes: [a] });
    expect(error.message).toBe(`\`${path("fail")}\` ${words}`);
    expect(await observed()).toMatchObject({ announcement: "unknown", verified: false });
  });

  it("that ends well and moves nothing is found out by what reads it back, until that agrees", async () => {
    const { driver, observed } = await make({ command: program("lie", "exit 0"), observe: reader() });
    await driver.withdraw([a]);
    const reason = `\`${path("lie")}\`, told withdrawn, ended well, and \`${path("observe")}\` says announced`;
    for (const _ of [1, 2]) expect(await observed()).toEqual({ announcement: "announced", verified: true, reason });
    writeFileSync(stateOf(a), "withdrawn\n");
    expect(await observed()).toEqual({ announcement: "withdrawn", verified: true });
    // Whoever moves it later makes no liar of the program.
    writeFileSync(stateOf(a), "announced\n");
    expect(await observed()).toEqual({ announcement: "announced", verified: true });
  });

  it("that is not there has refused", async () => {
    const { driver } = await make({ command: ["/nonexistent/mover"] });
    expect((await refusal(driver.withdraw([a]))).message).toBe("`/nonexistent/mover` could not be started: ENOENT");
  });

  it("is killed at its timeout with all that it started, and says so", async () => {
    const command = program(
      "hang",
      'echo stuck >&2; (sleep 300; echo late > "$folder/late") & echo $! > "$folder/pid"; wait',
    );
    const { driver } = await make({ command, timeoutMs: 300 });
    const error = await refusal(driver.withdraw([a]));
    expect(error.message).toBe(`\`${path("hang")}\` did not end within 300ms, and was killed: stuck`);
    const pid = readFileSync(path("pid"), "utf8").trim();
    expect(await within(5000, async () => !isAlive(pid) || undefined)).toBe(true);
  });

  it("that hangs for one prefix keeps no other one", async () => {
    const command = program("some", `[ "$ANYPROBE_PREFIX" = ${a} ] && sleep 300; echo "$ANYPROBE_TO" > "$state"`);
    const { driver } = await make({ command, observe: reader(), timeoutMs: 1500 });
    const moving = refusal(driver.withdraw([a, b]));
    const startNs = monotonicNs();
    await within(5000, async () => existsSync(stateOf(b)) || undefined);
    expect((monotonicNs() - startNs) / nsPerMs).toBeLessThan(1500);
    const error = await moving;
    expect(error.prefixes).toEqual([a]);
    expect(error.message).toMatch(/^203\.0\.113\.53\/32: `.*` did not end within 1\.50s/);
    const observed = await driver.observe([a, b]);
    expect([...observed.values()].map(({ announcement }) => announcement)).toEqual(["announced", "withdrawn"]);
  });

  it("that hangs is killed where the driver is closed, and nothing is known of its prefix then", async () => {
    const { driver } = await make({
      command: program("hang", 'echo $$ > "$folder/pid"; exec sleep 3610.25'),
      timeoutMs: 600_000,
    });
    const move = refusal(driver.withdraw([a]));
    const pid = await within(10_000, async () =>
      existsSync(path("pid")) ? Number(readFileSync(path("pid"), "utf8")) || undefined : undefined,
    );
    const startNs = monotonicNs();
    await driver.close();
    expect(monotonicNs() - startNs).toBeLessThan(30e9);
    expect((await move).message).toMatch(/was killed as its driver was closed$/);
    expect(() => process.kill(pid!, 0)).toThrow();
    expect(driver.changes()).toEqual([]);
  });

  it("ends before the driver is closed", async () => {
    const { driver } = await make({ command: program("slow", 'sleep 0.2; echo done > "$state"') });
    const moving = driver.withdraw([a]);
    await driver.close();
    expect(readFileSync(stateOf(a), "utf8")).toBe("done\n");
    await moving;
  });
});

describe("with an observer", () => {
  it.each(["announced", "degraded", "drained", "dead", "withdrawn"])("a prefix is %s when it says so", async (word) => {
    const { observed } = await make({ observe: program("say", `echo ${word}`) });
    expect(await observed()).toEqual({ announcement: word, verified: true });
  });

  it.each([
    ["echo up", /expected one of announced, .* got "up"$/],
    ["true", /got ""$/],
    ["echo announced; exit 1", /ended with status 1$/],
    ["echo announced; sleep 300", /did not end within/],
    ["echo announced; echo withdrawn", /got "announced\\nwithdrawn"$/],
  ])("a prefix is unknown where it does `%s`", async (script, reason) => {
    const { observed } = await make({ observe: program("say", script), timeoutMs: 700 });
    expect(await observed()).toMatchObject({ announcement: "unknown", verified: false });
    expect((await observed()).reason).toMatch(reason);
  });

  it("is told the prefix and the services alone", async () => {
    const { observed } = await make({
      observe: program(
        "say",
        'env | grep ^ANYPROBE_ | grep -vc ^ANYPROBE_LAB= > "$folder/n"; echo "$ANYPROBE_SERVICE" > "$folder/s"; echo dead',
      ),
    });
    await observed();
    expect([readFileSync(path("n"), "utf8"), readFileSync(path("s"), "utf8")]).toEqual(["2\n", "resolver,mail\n"]);
  });

  it("what counts is what it says, never what was accomplished", async () => {
    const { driver, observed } = await make({ command: program("lie", "true"), observe: reader() });
    expect(driver.blind).toBeUndefined();
    await driver.withdraw([a]);
    expect((await observed()).announcement).toBe("announced");
    expect(driver.changes()).toEqual([]);
  });
});

describe("by hand", () => {
  const by = "somebody at the router";
  const say = (...words: string[]) => writeFileSync(stateOf(a), `${words.join(" ")}\n`);

  it("what goes and comes back without our doing is told, whatever its cost, and nothing that we did", async () => {
    const { driver, observed, events } = await make({ observe: reader(), deprefer: true });
    await observed();
    for (const act of [() => driver.withdraw([a]), () => driver.announce([a]), () => driver.deprefer([a], "dead")]) {
      await act();
      await observed();
      await observed();
    }
    expect(events).toEqual([]);
    say("withdrawn");
    await observed();
    await observed();
    expect(events).toEqual([{ kind: "removed", prefix: a, by }]);
    say("announced");
    await observed();
    say("dead");
    await observed();
    expect(events.slice(1)).toEqual([{ kind: "appeared", prefix: a, by }]);
  });

  it.each([0, 1])("what the program does late is ours, also where it ended with %i", async (status) => {
    const { driver, observed, events } = await make({ command: program("late", `exit ${status}`), observe: reader() });
    await observed();
    await driver.withdraw([a]).catch(() => {});
    await observed();
    say("withdrawn");
    await observed();
    expect(events).toEqual([]);
    say("announced");
    await observed();
    expect(events).toEqual([{ kind: "appeared", prefix: a, by }]);
  });

  it("what a router has forgotten while it was away, or in another run, nobody took", async () => {
    const { observed, events } = await make({ observe: reader() });
    await observed();
    say("cannot be asked now");
    expect((await observed()).announcement).toBe("unknown");
    say("withdrawn");
    await observed();
    say("announced", "run1");
    await observed();
    say("withdrawn", "run2");
    expect(await observed()).toEqual({ announcement: "withdrawn", verified: true });
    expect(events).toEqual([]);
    say("announced", "run2");
    await observed();
    expect(events).toEqual([{ kind: "appeared", prefix: a, by }]);
  });
});

describe("without an observer", () => {
  it("a prefix is unknown until it was told, and then what was accomplished", async () => {
    const { driver, observed } = await make({ deprefer: true });
    expect(driver.blind).toBe(true);
    expect(await observed()).toMatchObject({ announcement: "unknown", verified: false });
    for (const [act, announcement] of [
      [() => driver.withdraw([a]), "withdrawn"],
      [() => driver.deprefer([a], "dead"), "dead"],
      [() => driver.announce([a]), "announced"],
    ] as const) {
      await act();
      expect(await observed()).toEqual({
        announcement,
        verified: true,
        reason: "as its program said: there is no `observe`",
      });
      expect(readFileSync(stateOf(a), "utf8")).toBe(`${announcement}\n`);
    }
  });

  it("what was accomplished outlives a restart of the daemon, not one of the host", async () => {
    const first = await make();
    await first.driver.withdraw([a]);
    await first.driver.announce([b]);
    const changes = JSON.parse(JSON.stringify(first.driver.changes()));
    expect(changes).toMatchObject([{ driver: "exec", prefix: a, undo: { announcement: "withdrawn" } }]);
    const second = await make({}, changes);
    expect((await second.observed()).announcement).toBe("withdrawn");
    expect((await second.observed(b)).announcement).toBe("unknown");
    const undo = { ...changes[0].undo, boot: "another" };
    expect((await (await make({}, [{ ...changes[0], undo }])).observed()).announcement).toBe("unknown");
  });

  it("a prefix is unknown again while it is being moved, and after a failure", async () => {
    const { driver, observed } = await make(
      {
        command: program("gate", 'echo x > "$folder/begun"; while [ ! -e "$folder/go" ]; do sleep 0.01; done; exit 1'),
      },
      [],
    );
    const moving = refusal(driver.withdraw([a]));
    await within(5000, async () => existsSync(path("begun")) || undefined);
    expect((await observed()).announcement).toBe("unknown");
    writeFileSync(path("go"), "");
    await moving;
    expect((await observed()).announcement).toBe("unknown");
  });
});

function isAlive(pid: string): boolean {
  try {
    // A zombie that nobody waits for yet does nothing any more.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

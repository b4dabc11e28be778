// `anyprobe status` as a process, against a daemon that is the test: what it prints, and the exit code that is an answer too.
import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { renderStatus } from "../../src/cli/status-text.js";
import { frame } from "../../src/cli/status-watch.js";
import type { PrefixReport } from "../../src/run/status.js";
import { anyprobe, Command } from "../support/command.js";
import { TestDaemon } from "../support/control.js";
import { prefixReport, statusOf } from "../support/status.js";

let daemon: TestDaemon;
let control: readonly string[];
beforeEach(() => {
  daemon = new TestDaemon();
  control = ["--control", daemon.path];
});
afterEach(() => daemon[Symbol.dispose]());

const standing = (changes: Partial<PrefixReport>) => daemon.listen({ status: () => statusOf([prefixReport(changes)]) });

describe("anyprobe status", () => {
  it.each<[string, Partial<PrefixReport>, number]>([
    ["announced", {}, 0],
    ["degraded", { observed: "degraded", wanted: "degraded" }, 1],
    ["withdrawn", { observed: "withdrawn", wanted: "withdrawn" }, 2],
  ])("prints how a prefix stands that is %s, and ends with the code for it", async (observed, changes, code) => {
    await standing(changes);
    const found = await anyprobe("status", ...control);
    expect(found).toMatchObject({ code, err: "" });
    expect(found.out).toContain(`\n  203.0.113.53/32          ${observed.padEnd(10)} verified\n`);
  });

  it("ends with 3 where no daemon can be reached", async () => {
    const message = /^expected a daemon at .*, got no socket there/;
    const { code, out, err } = await anyprobe("status", ...control);
    expect([code, out]).toEqual([3, ""]);
    expect(err.replace("anyprobe: ", "")).toMatch(message);
    const json = await anyprobe("status", "--json", ...control);
    expect([json.code, JSON.parse(json.err)]).toEqual([
      3,
      { error: { code: "ERR_RUN_UNREACHABLE", message: expect.stringMatching(message), faults: [] } },
    ]);
  });

  it("gives JSON, and the code all the same", async () => {
    await standing({ observed: "drained" });
    const { code, out } = await anyprobe("status", "--json", ...control);
    expect([code, JSON.parse(out)]).toMatchObject([1, { schema_version: 2, services: [{ name: "resolver" }] }]);
  });
});

describe("anyprobe status --watch", () => {
  it("prints a fresh text each second in a pipe, over an end of the daemon, until SIGINT", async () => {
    const text = renderStatus(statusOf([prefixReport()]), false, 0)
      .split("\n")
      .slice(0, 6)
      .join("\n");
    const count = (out: string, part: string) => out.split(part).length - 1;
    await standing({});
    const command = new Command("status", "--watch", ...control);
    await command.printed((out) => count(out, text) === 2);
    daemon.close();
    await command.printed((out) => out.includes("\nexpected a daemon at "));
    await standing({ observed: "withdrawn" });
    await command.printed((out) => out.includes("withdrawn"));
    command.child.kill("SIGINT");
    const { code, err } = await command.ended();
    expect([code, err]).toEqual([0, ""]);
  });

  it("prints a line of JSON each second", async () => {
    await standing({});
    const command = new Command("status", "--watch", "--json", ...control);
    await command.printed((out) => out.split("\n").length > 2);
    daemon.close();
    await command.printed((out) => out.includes("ERR_RUN_UNREACHABLE"));
    command.child.kill("SIGINT");
    const { code, out } = await command.ended();
    expect(code).toBe(0);
    const lines = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.slice(0, 2).map(({ pid }) => pid)).toEqual([7, 7]);
    expect(lines.at(-1)).toMatchObject({ error: { code: "ERR_RUN_UNREACHABLE" } });
  });

  it("ends with 3 where no daemon was there to begin with", async () => {
    expect((await anyprobe("status", "--watch", ...control)).code).toBe(3);
  });
});

describe("frame", () => {
  it("writes from the top, clears what is behind each line and below, and wraps nothing", () => {
    expect(frame("one\ntwo\n", 24)).toBe("\x1b[?7l\x1b[Hone\x1b[K\ntwo\x1b[K\n\x1b[J\x1b[?7h");
  });

  it("is never higher than the screen", () => {
    const lines = Array.from({ length: 30 }, (_, i) => `line ${i}`);
    for (const rows of [3, 10, 24]) {
      const shown = stripVTControlCharacters(frame(lines.join("\n"), rows))
        .trimEnd()
        .split("\n");
      // The cursor rests in the last row.
      expect(shown).toHaveLength(rows - 1);
      expect(shown.at(-1)).toBe(`… ${30 - (rows - 2)} more lines`);
    }
    expect(
      stripVTControlCharacters(frame(lines.slice(0, 9).join("\n"), 10))
        .trimEnd()
        .split("\n"),
    ).toEqual(lines.slice(0, 9));
  });
});

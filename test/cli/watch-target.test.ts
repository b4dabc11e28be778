// Targets from arguments, files and networks: what is taken, and what is refused with which words.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { targetsOf } from "../../src/cli/watch-target.js";
import { formatTarget } from "../../src/probe/target.js";

const directory = mkdtempSync(join(tmpdir(), "anyprobe-watch-"));
afterAll(() => rmSync(directory, { recursive: true }));

const rules = { port: 53, most: 65_536 };
const told = async (...words: string[]) => (await targetsOf(words, undefined, rules)).map(formatTarget);

function file(text: string): string {
  const path = join(directory, "targets");
  writeFileSync(path, text);
  return path;
}

describe("targets", () => {
  it.each([
    ["192.0.2.53", "192.0.2.53:53"],
    ["192.0.2.53:5353", "192.0.2.53:5353"],
    ["2001:db8::53", "[2001:db8::53]:53"],
    ["[2001:db8::53]", "[2001:db8::53]:53"],
    ["[2001:db8::53]:5353", "[2001:db8::53]:5353"],
  ])("takes %s", async (word, target) => {
    expect(await told(word)).toEqual([target]);
  });

  it("takes every address of a network, which may be told by any of them", async () => {
    expect(await told("192.0.2.254/30")).toEqual([
      "192.0.2.252:53",
      "192.0.2.253:53",
      "192.0.2.254:53",
      "192.0.2.255:53",
    ]);
    expect(await told("192.0.2.1/32")).toEqual(["192.0.2.1:53"]);
    expect(await told("2001:db8::ffff/127")).toEqual(["[2001:db8::fffe]:53", "[2001:db8::ffff]:53"]);
    const all = await told("198.18.0.0/16");
    expect([all.length, new Set(all).size, all.at(0), all.at(-1)]).toEqual([
      65_536,
      65_536,
      "198.18.0.0:53",
      "198.18.255.255:53",
    ]);
  });

  it("has each once, in the order in which they came", async () => {
    expect(await told("192.0.2.2", "192.0.2.0/30", "192.0.2.2:53")).toEqual([
      "192.0.2.2:53",
      "192.0.2.0:53",
      "192.0.2.1:53",
      "192.0.2.3:53",
    ]);
  });

  it("reads a file after the arguments, without what is a comment", async () => {
    const path = file("# site A\n192.0.2.1 ; first\n\n  192.0.2.2:5353\r\n198.51.100.0/31#two\n[2001:db8::1]:53");
    const targets = await targetsOf(["203.0.113.1"], path, { port: 54, most: 10 });
    expect(targets.map(formatTarget)).toEqual([
      ...["203.0.113.1:54", "192.0.2.1:54", "192.0.2.2:5353", "198.51.100.0:54", "198.51.100.1:54"],
      "[2001:db8::1]:53",
    ]);
  });

  it.each([
    [
      "ns.example.com",
      'expected an address as 192.0.2.53, [2001:db8::53]:5353 or 192.0.2.0/24, got "ns.example.com"; names',
    ],
    ["192.0.2.300", 'got "192.0.2.300"'],
    ["fe80::1%eth0", 'got "fe80::1%eth0"'],
    ["192.0.2.1:0", 'expected a port of 1-65535, got "192.0.2.1:0"'],
    ["192.0.2.1:65536", "expected a port of 1-65535"],
    ["192.0.2.0/33", 'expected a prefix length of 0-32, got "192.0.2.0/33"'],
    ["2001:db8::/129", "expected a prefix length of 0-128"],
    ["198.18.0.0/15", 'expected 65536 targets at most, got 131,072 with "198.18.0.0/15"; --max-targets allows more'],
    ["2001:db8::/64", "1048576 is the most of one watch"],
    ["0.0.0.0/0", "expected 65536 targets at most"],
  ])("refuses %s", async (word, message) => {
    await expect(told(word)).rejects.toThrow(message);
  });

  it("says in which line of a file a fault is", async () => {
    const path = file("192.0.2.1\n\nns1\n");
    await expect(targetsOf([], path, rules)).rejects.toMatchObject({
      code: "ERR_LOAD_QUERIES",
      line: 3,
      message: expect.stringContaining(`${path}:3: expected an address`),
    });
  });

  it("refuses none at all, and a file that is not there", async () => {
    await expect(targetsOf([], undefined, rules)).rejects.toThrow("expected targets, got none");
    await expect(targetsOf([], file("# nothing\n"), rules)).rejects.toMatchObject({ code: "ERR_LOAD_QUERIES" });
    await expect(targetsOf([], join(directory, "missing"), rules)).rejects.toMatchObject({ code: "ERR_LOAD_INPUT" });
  });
});

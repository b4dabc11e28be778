// Where the listener may listen, and the token that it asks for.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { formatPlace, isLoopback, parsePlace, readToken } from "../../src/serve/listen.js";

describe("parsePlace", () => {
  it.each(["127.0.0.1:9353", "[::1]:9353", "0.0.0.0:0", "[2001:db8::1]:65535"])("reads %s", (text) => {
    expect(formatPlace(parsePlace(text)!)).toBe(text);
  });
  it.each([
    "",
    "9353",
    ":9353",
    "localhost:9353",
    "127.0.0.1",
    "127.0.0.1:65536",
    "127.0.0.1:",
    "::1:9353",
    "[127.0.0.1]:1",
  ])("refuses %j", (text) => expect(parsePlace(text)).toBeUndefined());
});

describe("readToken", () => {
  const directory = mkdtempSync(join(tmpdir(), "anyprobe-token-"));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  let files = 0;
  const written = (content: string, mode: number) => {
    const file = join(directory, `${files++}`);
    writeFileSync(file, content, { mode });
    return file;
  };

  it("reads the only line", () => {
    expect(readToken(written("0123456789abcdef\n", 0o640))).toBe("0123456789abcdef");
  });
  it("refuses one that is missing", () => {
    expect(() => readToken(join(directory, "missing"))).toThrow("could not be read: ENOENT");
  });
  it.each([
    ["is short", "short\n", 0o600, "expected one line of at least 16 printable characters without blanks, got 5"],
    ["has two lines", "0123456789abcdef\n0123456789abcdef\n", 0o600, "expected one line"],
    ["everybody may read", "0123456789abcdef\n", 0o644, "got mode 644"],
  ])("refuses one that %s", (_, content, mode, message) => {
    expect(() => readToken(written(content, mode))).toThrow(message);
  });
});

describe("isLoopback", () => {
  it.each(["127.0.0.1", "127.255.0.9", "::1", "0:0:0:0:0:0:0:1"])("takes %s for this host alone", (address) => {
    expect(isLoopback(address)).toBe(true);
  });
  it.each(["0.0.0.0", "::", "128.0.0.1", "::2", "2001:db8::1"])("does not take %s for it", (address) => {
    expect(isLoopback(address)).toBe(false);
  });
});

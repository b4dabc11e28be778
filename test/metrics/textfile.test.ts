// The textfile, read while it is written, while it cannot be written, and after it has gone.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { Textfile } from "../../src/metrics/textfile.js";

const directories: string[] = [];
const open: Textfile[] = [];
afterEach(async () => {
  for (const textfile of open.splice(0)) await textfile.close();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function place(): { directory: string; path: string } {
  const directory = mkdtempSync(join(tmpdir(), "anyprobe-textfile-"));
  directories.push(directory);
  return { directory, path: join(directory, "anyprobe.prom") };
}

function begin(path: string, expose: () => AsyncIterable<string>) {
  const errors: string[] = [];
  const textfile = new Textfile(path, expose, { intervalMs: 5, onError: ({ message }) => errors.push(message) });
  open.push(textfile);
  return { textfile, errors };
}

const content = (path: string) => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
};

it("is written again and again, and whoever reads it never sees half of it", async () => {
  const { directory, path } = place();
  let written = 0;
  async function* expose() {
    const text = `anyprobe_written ${++written}\n`;
    yield text;
    await new Promise(setImmediate);
    yield text;
  }
  const { textfile, errors } = begin(path, expose);
  const seen = new Set<string>();
  await expect
    .poll(
      () => {
        const text = content(path);
        if (text !== undefined) seen.add(text);
        return seen.size;
      },
      { interval: 1 },
    )
    .toBeGreaterThan(5);
  for (const text of seen) expect(text).toMatch(/^(anyprobe_written \d+\n)\1$/);
  await textfile.close();
  expect(readdirSync(directory)).toEqual([]);
  expect(errors).toEqual([]);
});

it("says once that it cannot be written, and goes on when it can", async () => {
  const { directory, path } = place();
  const inner = join(directory, "later");
  let asked = 0;
  async function* expose() {
    yield `anyprobe_asked ${++asked}\n`;
  }
  const { errors } = begin(join(inner, "anyprobe.prom"), expose);
  await expect.poll(() => errors.length).toBe(1);
  expect(errors[0]).toContain("ENOENT");
  mkdirSync(inner);
  await expect.poll(() => content(join(inner, "anyprobe.prom"))).toMatch(/^anyprobe_asked/);
  expect(errors).toHaveLength(1);
  expect(content(path)).toBeUndefined();
});

it("keeps the old one, and leaves no draft, where the new one breaks off", async () => {
  const { directory, path } = place();
  let times = 0;
  async function* expose() {
    yield `anyprobe_times ${++times}\n`;
    if (times > 1) throw new Error("broken");
  }
  const { errors } = begin(path, expose);
  await expect.poll(() => times).toBeGreaterThan(3);
  expect(errors).toEqual(["broken"]);
  expect(content(path)).toBe("anyprobe_times 1\n");
  expect(readdirSync(directory).filter((name) => name.endsWith(".prom"))).toEqual(["anyprobe.prom"]);
});

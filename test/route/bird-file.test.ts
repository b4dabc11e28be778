import { execFileSync } from "node:child_process";
import {
  chmod,
  chown,
  lstat,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { replaceFile } from "../../src/route/bird-file.js";
import { SmallDisk } from "../lab/small-disk.js";

let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "anyprobe-file-"));
  file = join(directory, "set.conf");
  await writeFile(file, "old");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test("a new file takes the old one's place and mode; kept, nothing else is left", async () => {
  await chmod(file, 0o640);
  const replaced = await replaceFile(file, "new");
  expect(await readFile(file, "utf8")).toBe("new");
  expect((await stat(file)).mode & 0o777).toBe(0o640);
  // BIRD's `include "*.conf"` sees one file also now.
  expect((await readdir(directory)).filter((name) => !name.startsWith("."))).toEqual(["set.conf"]);
  await replaced.keep();
  expect(await readdir(directory)).toEqual(["set.conf"]);
});

test("restored, the old file itself is back", async () => {
  const before = await stat(file);
  const replaced = await replaceFile(file, "new");
  await replaced.restore();
  expect(await readFile(file, "utf8")).toBe("old");
  expect((await stat(file)).ino).toBe(before.ino);
  expect(await readdir(directory)).toEqual(["set.conf"]);
});

test("behind a link it is the linked file that is replaced", async () => {
  const link = join(directory, "link.conf");
  await symlink("set.conf", link);
  await (await replaceFile(link, "new")).keep();
  expect(await readlink(link)).toBe("set.conf");
  expect(await readFile(file, "utf8")).toBe("new");
});

test("what a crash left behind is no obstacle", async () => {
  for (const what of ["new", "old"]) await writeFile(join(directory, `.set.conf.anyprobe-${what}`), "left");
  await (await replaceFile(file, "new")).keep();
  expect(await readdir(directory)).toEqual(["set.conf"]);
});

test("a link in the new file's place is not followed", async () => {
  const victim = join(directory, "victim");
  await writeFile(victim, "untouched");
  await symlink("victim", join(directory, ".set.conf.anyprobe-new"));
  await (await replaceFile(file, "new")).keep();
  expect(await readFile(victim, "utf8")).toBe("untouched");
  expect((await lstat(file)).isSymbolicLink()).toBe(false);
  expect(await readFile(file, "utf8")).toBe("new");
});

test("a file that is missing is not made", async () => {
  await rm(file);
  await expect(replaceFile(file, "new")).rejects.toMatchObject({ code: "ENOENT" });
  expect(await readdir(directory)).toEqual([]);
});

test.skipIf(process.getuid?.() !== 0)("the owner stays", async () => {
  await chown(file, 65534, 65534);
  await (await replaceFile(file, "new")).keep();
  expect(await stat(file)).toMatchObject({ uid: 65534, gid: 65534 });
});

describe.skipIf(process.getuid?.() !== 0)("on a small disk", () => {
  let disk: SmallDisk;
  const at = (name: string) => `/proc/${disk.pid}/root${join(directory, name)}`;

  beforeEach(async () => {
    disk = await SmallDisk.mount(directory);
    await writeFile(at("set.conf"), "old");
  });
  afterEach(() => disk.close());

  test("that is full, the old file can come back, and nothing is half-written", async () => {
    const replaced = await replaceFile(at("set.conf"), "new");
    disk.fill();
    await replaced.restore();
    expect(await readFile(at("set.conf"), "utf8")).toBe("old");
    // What it gave back of the new one.
    disk.fill("more");
    await expect(replaceFile(at("set.conf"), "new")).rejects.toMatchObject({ code: "ENOSPC" });
    expect(await readFile(at("set.conf"), "utf8")).toBe("old");
    expect((await readdir(at(""))).toSorted()).toEqual(["fill", "more", "set.conf"]);
  });

  test("that is read-only, the old file stays", async () => {
    execFileSync("nsenter", [`--mount=/proc/${disk.pid}/ns/mnt`, "mount", "-o", "remount,ro", directory]);
    await expect(replaceFile(at("set.conf"), "new")).rejects.toMatchObject({ code: "EROFS" });
    expect(await readdir(at(""))).toEqual(["set.conf"]);
  });
});

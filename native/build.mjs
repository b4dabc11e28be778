// Builds the native addon where it is stale: `npm run build`. Configures only when it must, uses this Node.js's own
// headers where they are installed beside it (so that it works offline), and says nothing when nothing is to do.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const binary = join(root, "build/Release/anyprobe.node");
const lock = join(root, "build/.lock");

const modified = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);
const sources = readdirSync(join(root, "native"))
  .filter((name) => /\.(cc|h)$/.test(name))
  .map((name) => join(root, "native", name));
const stale = () => modified(binary) < Math.max(modified(join(root, "binding.gyp")), ...sources.map(modified));

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Takes the lock or waits for who has it: two builds in one tree would write over each other's objects. */
function takeLock() {
  mkdirSync(dirname(lock), { recursive: true });
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      return;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const holder = existsSync(lock) ? Number(readFileSync(lock, "utf8")) : 0;
    // A file that is empty for the moment belongs to someone who is just writing it.
    if (holder > 0 && !alive(holder)) rmSync(lock, { force: true });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
}

function gyp(args) {
  const script = createRequire(import.meta.url).resolve("node-gyp/bin/node-gyp.js");
  const headers = join(dirname(dirname(process.execPath)), "include/node/node_version.h");
  const nodedir = existsSync(headers) ? [`--nodedir=${dirname(dirname(dirname(headers)))}`] : [];
  const result = spawnSync(process.execPath, [script, ...args, ...nodedir], { cwd: root, encoding: "utf8" });
  if (result.status === 0) return;
  process.stderr.write(`${result.stdout ?? ""}${result.stderr ?? ""}\n`);
  const missing = ["python3", "make", "g++"].filter((tool) => spawnSync(tool, ["--version"]).error);
  const headersHint =
    nodedir.length === 0 ? " Node.js's headers are not installed beside it, so they are downloaded." : "";
  process.stderr.write(
    missing.length > 0
      ? `anyprobe: the native addon needs ${missing.join(", ")} to build: apt-get install ${missing.join(" ")}\n`
      : `anyprobe: the native addon did not build (node-gyp ${args[0]}); it needs python3, make and g++ 12 or later.${headersHint}\n`,
  );
  process.exitCode = 1;
}

if (stale()) {
  takeLock();
  try {
    const makefile = join(root, "build/Makefile");
    if (modified(makefile) < modified(join(root, "binding.gyp"))) gyp(["configure"]);
    const started = new Date();
    if (!process.exitCode && stale()) gyp(["build", "--jobs=2"]);
    // A header that nothing includes is no reason for make to link again: without this it would be asked each time.
    if (!process.exitCode && stale()) utimesSync(binary, started, started);
  } finally {
    rmSync(lock, { force: true });
  }
}

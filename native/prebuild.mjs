// Puts the addon that `npm run build` made where the package carries it, without its symbols: `npm pack` does this by itself.
// N-API keeps one binary good for every Node.js, so it is named only after what it does not run without: system, CPU and C library.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const prebuilds = join(root, "prebuilds");
const libc = process.report.getReport().header.glibcVersionRuntime ? "glibc" : "musl";
const binary = join(prebuilds, `linux-${process.arch}`, `anyprobe.${libc}.node`);

// A binary that was left by an older tree must not be packed beside this one.
rmSync(prebuilds, { recursive: true, force: true });
mkdirSync(dirname(binary), { recursive: true });
copyFileSync(join(root, "build/Release/anyprobe.node"), `${binary}.new`);
const stripped = spawnSync("strip", ["--strip-unneeded", `${binary}.new`], { encoding: "utf8" });
if (stripped.status !== 0) {
  const reason = stripped.error?.message ?? stripped.stderr.trim();
  process.stderr.write(
    `anyprobe: the addon could not be stripped of its symbols: ${reason} (apt-get install binutils)\n`,
  );
  process.exitCode = 1;
} else renameSync(`${binary}.new`, binary);

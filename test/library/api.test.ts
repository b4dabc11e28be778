// docs/api is what the docstrings say now, and every type that an exported one speaks of is exported too.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

test("docs/api is what `npm run docs` makes of the docstrings", { timeout: 120_000 }, async () => {
  const out = mkdtempSync(join(tmpdir(), "anyprobe-api-"));
  try {
    // It fails on a link that leads nowhere and on a type that is not exported.
    await promisify(execFile)(join(root, "node_modules/.bin/typedoc"), ["--out", out], { cwd: root }).catch((error) =>
      expect(error.stdout + error.stderr).toBe(""),
    );
    const [made, kept] = [join(out, "README.md"), join(root, "docs/api/README.md")].map((path) =>
      readFileSync(path, "utf8").split("\n"),
    );
    const at = made!.findIndex((line, index) => line !== kept![index]);
    expect(at < 0 ? undefined : made![at], `line ${at + 1}: \`npm run docs\` writes it anew`).toBe(kept![at]);
    expect(kept).toHaveLength(made!.length);
  } finally {
    rmSync(out, { recursive: true });
  }
});

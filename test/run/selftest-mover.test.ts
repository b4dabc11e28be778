// The selftest's look at drivers that move prefixes by programs.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { prefixOf } from "../../src/route/prefix.js";
import { proveRoute } from "../../src/run/selftest-route.js";

const prefix = prefixOf("203.0.113.53");
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "anyprobe-selftest-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function program(name: string, script: string, mode = 0o755): readonly string[] {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, mode);
  return [file];
}

async function prove(command: readonly string[], observe?: readonly string[]) {
  const entry = { driver: "exec", command, observe, timeoutMs: 5000, deprefer: false } as const;
  const explain = () => ({ services: ["resolver"], reason: "selftest", evidence: [] });
  return (await proveRoute(entry, [prefix], explain))[0]!;
}

describe("the exec driver", () => {
  it("is proven by an observer that says announced, and moves nothing", async () => {
    const mover = program("move", `touch ${folder}/moved`);
    const observer = program(
      "observe",
      `[ "$ANYPROBE_SERVICE" = resolver ] && [ ! -e ${folder}/moved ] && echo announced`,
    );
    expect(await prove(mover, observer)).toMatchObject({
      state: "proven",
      subject: prefix,
      got: `announced; withdrawing runs \`${folder}/move\``,
    });
  });

  it("is doubtful while withdrawn, and without an observer", async () => {
    expect((await prove(program("move", ""), program("observe", "echo withdrawn"))).state).toBe("doubtful");
    expect(await prove(program("move", ""))).toMatchObject({
      state: "doubtful",
      got: "it can be run, but not read: there is no `observe`",
    });
  });

  it("has failed where a program cannot be run, or says nothing that is known", async () => {
    const observer = program("observe", "echo announced");
    expect(await prove([join(folder, "missing")], observer)).toMatchObject({
      state: "failed",
      got: `${folder}/missing cannot be run`,
    });
    expect((await prove(program("move", "", 0o644), observer)).got).toBe(`${folder}/move cannot be run`);
    expect((await prove(program("move2", ""), program("odd", "echo up"))).got).toContain('got "up"');
  });
});

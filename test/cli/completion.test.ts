// Completion as the shells do it: each is started, sources its script, and is asked what may follow.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { completionScript, type Shell, shells } from "../../src/cli/completion-script.js";
import { program } from "../../src/cli/program.js";

const directory = mkdtempSync(join(tmpdir(), "anyprobe-completion-"));
beforeAll(() => {
  for (const shell of shells) writeFileSync(join(directory, shell), completionScript(program(), shell));
  writeFileSync(join(directory, "my targets.txt"), "");
});
afterAll(() => rmSync(directory, { recursive: true }));

/** What readline would be given: the words are split as bash does it, at `=` too. */
const bash = `
source ./bash
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_anyprobe
printf '%s\\n' "\${COMPREPLY[@]}"`;

/** A zsh with a terminal of its own, since completion wants one; each match comes in a line of its own, between marks.
 * Then the line is rubbed out and another is run, which tells that all have come; a Tab with more behind it would else be a blank. */
const zsh = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1= PROMPT_EOL_MARK= LISTMAX=9999; stty -echo cols 400 rows 400; source ./zsh
  zstyle ":completion:*" insert-tab false; compadd() {
  local -a found; builtin compadd -O found "$@"; print -rl -- "" "<"\${^found}">" }; print RE""ADY'
zpty -r shell line '*READY*'
zpty -w shell "$1"$'\\t\\x15print EN""D'
zpty -r shell line '*END*'
print -r -- "$line"
zpty -d shell`;

function offered(shell: Shell, typed: string): string[] {
  const run = (...args: readonly string[]) =>
    execFileSync(shell, args, { cwd: directory, encoding: "utf8", timeout: 10_000 });
  if (shell === "fish") {
    const lines = run("--no-config", "-c", "source ./fish; complete -C $argv[1]", typed).trimEnd().split("\n");
    return lines.map((line) => line.split("\t")[0]!).filter(Boolean);
  }
  if (shell === "bash") {
    const words = typed.replace("=", " = ").replace(/= $/, "=").split(" ");
    return run("--norc", "-c", bash, "bash", ...words)
      .trimEnd()
      .split("\n")
      .filter(Boolean);
  }
  const out = run("-f", "-c", zsh, "zsh", typed).replaceAll("\r", "");
  return [...out.matchAll(/^<(.+)>$/gm)].map((match) => match[1]!);
}

describe.each(shells)("%s", (shell) => {
  test("completes a verb, and a verb below it", () => {
    expect(offered(shell, "anyprobe wa")).toEqual(["watch"]);
    expect(offered(shell, "anyprobe config ").sort()).toEqual(["check", "print", "schema"]);
  });

  test("completes the options of the verb that is typed", () => {
    expect(offered(shell, "anyprobe watch --max-t")).toEqual(["--max-targets"]);
    expect(offered(shell, "anyprobe config print --max-t")).toEqual([]);
  });

  test("completes what an option or an argument may be", () => {
    expect(offered(shell, "anyprobe demo --driver ").sort()).toEqual(["address", "frr"]);
    expect(offered(shell, "anyprobe completion z")).toEqual(["zsh"]);
  });

  test("completes a file where one is wanted, and nothing where only the user knows", () => {
    expect(offered(shell, "anyprobe watch --targets my").map((file) => file.replaceAll("\\", ""))).toEqual([
      "my targets.txt",
    ]);
    expect(offered(shell, "anyprobe watch --rate my")).toEqual([]);
  });
});

test("bash and fish complete what follows an equals sign", () => {
  expect(offered("bash", "anyprobe demo --driver=f")).toEqual(["frr"]);
  expect(offered("bash", "anyprobe demo --driver=")).toEqual(["frr", "address"]);
  expect(offered("fish", "anyprobe demo --driver=f")).toEqual(["--driver=frr"]);
});

test("each script is whole for its shell, which reads it without a word", () => {
  for (const shell of shells)
    expect(execFileSync(shell, ["-n", join(directory, shell)], { encoding: "utf8" })).toBe("");
});

// Builds C++ programs for tests.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { text } from "node:stream/consumers";

/** Toolchain is a compiler and the flags of every step. */
export interface Toolchain {
  readonly compiler: string;
  readonly flags: readonly string[];
}

/** run runs a program to its end, off this thread: some take longer than vitest lets a thread be silent. */
export async function run(program: string, argv: readonly string[], env = process.env) {
  const child = spawn(program, argv, { stdio: ["ignore", "pipe", "pipe"], env });
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { status: status as number | null, stdout, stderr };
}

/**
 * build compiles files, as many at once as there are processors, and links them; gives what the compiler says, which is
 * nothing. Rejects where there is no such compiler.
 */
export async function build(
  { compiler, flags }: Toolchain,
  program: string,
  files: readonly string[],
  linkFlags: readonly string[] = [],
): Promise<string> {
  const queue = [...files.entries()];
  const complaints: string[] = [];
  const object = (i: number) => `${program}-${i}.o`;
  const compileAll = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [i, file] = next;
      complaints.push((await run(compiler, [...flags, "-c", file, "-o", object(i)])).stderr);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, compileAll));
  const said = complaints.join("");
  if (said) return said;
  return (await run(compiler, [...flags, ...linkFlags, ...files.map((_, i) => object(i)), "-o", program])).stderr;
}

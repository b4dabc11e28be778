// Runs a scenario of a fixture program in a network namespace of its own, so that no test touches this host's addresses.
// A fixture calls `scenarios({...})`; a test calls `inNamespace(fixture, name)` and gets what the scenario returned.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export type Scenario = (argument: string) => unknown;

/** scenarios runs the one that the command line names and prints what it returns as one line of JSON. */
export async function scenarios(table: Readonly<Record<string, Scenario>>): Promise<void> {
  const [name = "", argument = ""] = process.argv.slice(2);
  const result = await table[name]!(argument);
  process.stdout.write(`${JSON.stringify(result ?? null)}\n`);
}

export interface NamespaceOptions {
  readonly argument?: string;
  /** Run as user nobody, without capabilities. */
  readonly unprivileged?: boolean;
  /** Directories of the host that are empty there, and kept by nobody. */
  readonly emptied?: readonly string[];
  /** The exit code that is expected; the default is 0. */
  readonly exitCode?: number;
}

/**
 * inNamespace runs a scenario of the fixture at `url` in a fresh network namespace, with lo up, and gives its result (the
 * last line that it printed, or undefined). Rejects with its stderr where it does not end as expected.
 */
// biome-ignore lint/suspicious/noExplicitAny: each scenario returns its own JSON.
export async function inNamespace(url: URL, name: string, options: NamespaceOptions = {}): Promise<any> {
  const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  const drop = options.unprivileged
    ? ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--bounding-set", "-all"]
    : [];
  const node = [
    process.execPath,
    "--import",
    import.meta.resolve("tsx"),
    fileURLToPath(url),
    name,
    options.argument ?? "",
  ];
  const emptied = (options.emptied ?? []).map((directory) => `mount -t tmpfs tmpfs ${directory} && `).join("");
  const up = ["sh", "-c", `${emptied}ip link set lo up && exec "$@"`, "sh"];
  const child = spawn("unshare", [...user, "--net", "--mount", ...up, ...drop, ...node], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data) => {
    stdout += data;
  });
  child.stderr.on("data", (data) => {
    stderr += data;
  });
  const [code, signal] = await once(child, "close");
  if (code !== (options.exitCode ?? 0)) throw new Error(`${name} ended with ${signal ?? code}: ${stderr}${stdout}`);
  const last = stdout.trim().split("\n").at(-1);
  return last ? JSON.parse(last) : undefined;
}

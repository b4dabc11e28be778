// anyprobe init: writes a first config for this host, from what it finds here.
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { createInterface } from "node:readline/promises";
import { Command, Option } from "commander";
import type { Found } from "../init/found.js";
import type { DnsQuery } from "../probe/query.js";
import type { Prefix } from "../route/prefix.js";
import { defaultConfigFile } from "./config.js";
import { examples } from "./example.js";
import { MissingError, UsageError } from "./exit.js";

export function initVerb(): Command {
  const collect = (value: string, before: readonly string[] = []) => [...before, value];
  return new Command("init")
    .description("write a commented config for this host, and what its router lacks, from what is found here")
    .option("--anycast <address>", "an anycast address, if not those on lo; may be repeated", collect)
    .option("--query <name/type>", "the DNS question to check by, if not the first that the server answers")
    .option(
      "--router <path>",
      "the directory of FRR's vty sockets or BIRD's control socket, where it is not looked for",
    )
    .addOption(
      new Option("-o, --output <file>", "where to write the config, - for stdout").default(
        defaultConfigFile,
        defaultConfigFile,
      ),
    )
    .option("--force", "write over a file that is there")
    .option("--yes", "ask nothing, also on a terminal")
    .addHelpText(
      "after",
      examples(
        "anyprobe init",
        "anyprobe init -o - --yes > anyprobe.yaml",
        "anyprobe init --anycast 203.0.113.53 --query health.example.com/A",
      ),
    )
    .action(init);
}

interface InitOptions {
  readonly anycast?: readonly string[];
  readonly query?: string;
  readonly router?: string;
  readonly output: string;
  readonly force?: true;
  readonly yes?: true;
}

async function init({ anycast, query, router, output, force, yes }: InitOptions): Promise<void> {
  if (output !== "-" && existsSync(output) && !force)
    throw new UsageError(`${output}: expected no such file yet; --force writes over it, -o names another`);
  const { lookAt } = await import("../doctor/host.js");
  const { find } = await import("../init/found.js");
  const question = query === undefined ? undefined : await questionOf(query);
  const context = lookAt(anycast ? { prefixes: await prefixesOf(anycast) } : {});
  const dialogue = !yes && process.stdin.isTTY && process.stderr.isTTY ? new Dialogue() : undefined;
  try {
    const prefixes = dialogue && !anycast ? await dialogue.prefixes(context.prefixes) : context.prefixes;
    if (prefixes.length === 0) {
      throw new MissingError(
        "expected an anycast address on lo (a /32 or /128 that is no router id), found none: put it there, or name it by --anycast",
      );
    }
    await deliver(await find({ ...context, prefixes }, { question, router }), output, dialogue);
  } finally {
    dialogue?.close();
  }
}

async function prefixesOf(texts: readonly string[]): Promise<Prefix[]> {
  const { parsePrefix, prefixOf } = await import("../route/prefix.js");
  return texts.map((text) => {
    try {
      const prefix = text.includes("/") ? parsePrefix(text) : prefixOf(text);
      if (prefix) return prefix;
    } catch {
      // It is no address: said below.
    }
    throw new UsageError(`--anycast: expected an address like 203.0.113.53, or its /32 or /128, got "${text}"`);
  });
}

async function deliver(found: Found, output: string, dialogue: Dialogue | undefined): Promise<void> {
  const { configText } = await import("../init/config-text.js");
  const { routerText } = await import("../init/router-text.js");
  const { readConfigText } = await import("../run/config-file.js");
  const text = configText(found, hostname(), new Date().toISOString().slice(0, 10));
  // What cannot be read back is not written.
  readConfigText(text, "the config that was made");
  const snippet = routerText(found);
  if (output === "-") {
    process.stdout.write(text);
    if (snippet !== "") process.stderr.write(`\n${snippet}`);
    return;
  }
  if (dialogue && !(await dialogue.agrees(text, output))) return;
  await mkdir(dirname(output), { recursive: true });
  await writeFile(output, text, { mode: 0o644 });
  const todo = text.includes("TODO") ? "; it moves nothing until you have seen to its TODO lines" : "";
  process.stdout.write(
    `${output} is written${todo}; next: anyprobe config check, anyprobe doctor, anyprobe selftest\n`,
  );
  if (snippet !== "") process.stdout.write(`\n${snippet}`);
}

async function questionOf(text: string): Promise<DnsQuery> {
  const { domainName, recordType } = await import("../run/config-dns.js");
  const slash = text.lastIndexOf("/");
  const name = domainName.safeParse(slash < 0 ? text : text.slice(0, slash));
  const type = recordType.safeParse(slash < 0 ? "A" : text.slice(slash + 1));
  if (name.success && type.success) return { name: name.data, type: type.data };
  throw new UsageError(`--query: ${(name.error ?? type.error)!.issues[0]!.message}`);
}

/** Dialogue asks on a terminal. What it asks goes to stderr: stdout may be the config. */
class Dialogue {
  readonly #lines = createInterface({ input: process.stdin, output: process.stderr });

  async prefixes(found: readonly Prefix[]): Promise<readonly Prefix[]> {
    const default_ = found.join(" ");
    const answer = await this.#lines.question(`Anycast addresses${default_ === "" ? "" : ` [${default_}]`}: `);
    const words = answer.split(/[\s,]+/).filter((word) => word !== "");
    return words.length === 0 ? found : prefixesOf(words);
  }

  async agrees(text: string, output: string): Promise<boolean> {
    process.stderr.write(`\n${text}\n`);
    const answer = await this.#lines.question(`Write this to ${output}? [Y/n] `);
    return /^(y|yes)?$/i.test(answer.trim());
  }

  close(): void {
    this.#lines.close();
  }
}

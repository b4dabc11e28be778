// The docs cannot drift: every config key, default, error code, option and exit code is in them, and nothing else is.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { transformSync } from "esbuild";
import { describe, expect, it } from "vitest";
import { exitCodeOf, exitCodes } from "../src/cli/exit.js";
import { program } from "../src/cli/program.js";
import { tree } from "../src/cli/tree.js";
import { AnyprobeError, codes, type ErrorCode } from "../src/errors.js";
import { type JsonSchema, keys } from "../src/run/config-fault.js";
import { readConfigText } from "../src/run/config-file.js";
import { configSchema } from "../src/run/config-schema.js";
import { type Row, rows } from "./support/table.js";

const page = (name: string) => rows(readFileSync(new URL(`../docs/${name}`, import.meta.url), "utf8"));
const literal = (cell = "") => /^`([^`]*)`/.exec(cell)?.[1];

describe("README.md", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const example = (language: string) => new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(readme)![1]!;

  it("has a config that is valid", () => {
    expect(readConfigText(example("yaml"), "README.md").warnings).toEqual([]);
  });

  it("has a program that prints what came of each probe, and ends", () => {
    const face = new URL("../src/index.ts", import.meta.url).href;
    const { code } = transformSync(example("ts").replace('"anyprobe"', JSON.stringify(face)), {
      loader: "ts",
      target: "node20",
    });
    const arguments_ = ["--import", "tsx", "--input-type=module", "--eval", code];
    const { stdout, stderr } = spawnSync(process.execPath, arguments_, { encoding: "utf8", timeout: 20_000 });
    expect(stderr).toBe("");
    expect(stdout.trimEnd().split("\n")).toHaveLength(10);
  });
});

describe("docs/config.md", () => {
  const documented = page("config.md");
  const pathOf = ({ heading, cells }: Row) =>
    [literal(heading.replace(/^[^`]*/, "")), literal(cells[0])].filter(Boolean).join(".");
  // A key below a union is found once on each branch that has it.
  const schema = new Map(
    [...keys(configSchema() as JsonSchema, "")].map(([path, key, required]) => [path, { key, required }]),
  );

  it("has every key of the schema and no other", () => {
    expect(documented.map(pathOf).sort()).toEqual([...schema.keys()].sort());
  });

  it.each(documented.map((row) => [pathOf(row), row.cells.at(-1)!] as const))("has the default of %s", (path, cell) => {
    const { key, required } = schema.get(path)!;
    const isScalar = key.default !== undefined && !(typeof key.default === "object" && !Array.isArray(key.default));
    const written = Array.isArray(key.default) ? JSON.stringify(key.default) : String(key.default);
    if (required) expect(cell).toBe("required");
    else if (isScalar) expect(cell).toBe(`\`${written}\``);
    else expect(cell).not.toMatch(/^(required|`[^`]*`)$/);
  });

  it("has only examples that are valid", () => {
    const text = readFileSync(new URL("../docs/config.md", import.meta.url), "utf8");
    const examples = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1]!);
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) expect(readConfigText(example, "docs/config.md").warnings).toEqual([]);
  });

  it("has a description of every key in the schema too", () => {
    for (const [path, { key }] of schema) expect(key.description, path).toMatch(/^.{10,}\.$/);
  });
});

describe("docs/routers", () => {
  const pages = readdirSync(new URL("../docs/routers/", import.meta.url));

  it.each(pages)("%s has only configs that are valid", (page) => {
    const text = readFileSync(new URL(`../docs/routers/${page}`, import.meta.url), "utf8");
    for (const [, example] of text.matchAll(/```yaml\n(services:[\s\S]*?)```/g))
      expect(readConfigText(example!, page).warnings).toEqual([]);
  });
});

describe("docs/errors.md", () => {
  it("has every code with its meaning and its exit code, and no other", () => {
    const documented = page("errors.md").map(({ cells }) => [literal(cells[0]), cells[2], Number(cells[3])]);
    const known = Object.entries(codes).map(([code, meaning]) => [
      code,
      meaning,
      exitCodeOf(new AnyprobeError(code as ErrorCode, "")),
    ]);
    expect(documented).toEqual(known);
  });
});

describe("docs/cli.md", () => {
  const documented = page("cli.md");
  const commands = tree(program());
  const nameOf = (command: (typeof commands)[number]): string =>
    command.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();

  it("has every exit code with its meaning, and no other", () => {
    const table = documented.filter(({ heading }) => heading === "Exit codes").map(({ cells }) => cells);
    expect(table).toEqual(Object.entries(exitCodes));
  });

  it("has a heading for every verb, and no other", () => {
    const text = readFileSync(new URL("../docs/cli.md", import.meta.url), "utf8");
    const headings = [...text.matchAll(/^## `(.*)`$/gm)].map((match) => match[1]);
    expect(headings.sort()).toEqual(commands.map(nameOf).sort());
  });

  it.each(commands.map((command) => [nameOf(command), command] as const))(
    "has every option of %s, and no other",
    (name, command) => {
      const table = documented.filter(({ heading }) => heading === `\`${name}\``).map(({ cells }) => literal(cells[0]));
      // Every command has --help, so it is told once, at the top.
      const own = command.options.map(({ flags }) => flags);
      expect(table).toEqual(command.parent ? own : [...own, "-h, --help"]);
    },
  );

  it("has only options whose stated defaults are those of the schema", () => {
    const run = commands.find((command) => nameOf(command) === "anyprobe run")!;
    const all = [...keys(configSchema() as JsonSchema, "")];
    for (const option of run.options) {
      const stated = /\(default: ([^),]+)/.exec(option.description)?.[1];
      const key = option.long!.slice(2).replaceAll("-", "_");
      const known = all.filter(([path, { default: value }]) => path.split(".").at(-1) === key && value !== undefined);
      if (stated !== undefined && known.length > 0)
        expect(
          known.map(([, schema]) => String(schema.default)),
          key,
        ).toContain(stated);
    }
  });
});

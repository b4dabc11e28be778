// The rooms of src/ and what each may import: the arrows of the design, held by reading every import.
import { readdirSync, readFileSync } from "node:fs";
import { basename, posix } from "node:path";
import { describe, expect, it } from "vitest";

/** What a room may import besides node's own modules and itself; `type:` allows types only. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  "errors.ts": [],
  "units.ts": [],
  "index.ts": ["errors.ts", "units.ts", "probe", "engine", "measure", "health", "route", "guard", "load", "watch"],
  probe: ["dns-packet"],
  engine: ["probe", "node-gyp-build"],
  measure: ["type:engine", "hdr-histogram-js"],
  health: ["probe", "measure", "type:route"],
  route: ["probe", "engine"],
  guard: ["route"],
  serve: [],
  metrics: ["measure", "type:engine", "type:serve"],
  live: ["measure", "type:serve"],
  run: ["probe", "engine", "measure", "health", "route", "guard", "serve", "metrics", "live", "yaml", "zod", "pino"],
  doctor: ["probe", "engine", "route", "run", "yaml"],
  init: ["probe", "engine", "route", "run", "doctor"],
  load: ["probe", "engine", "measure", "live", "zod", "hdr-histogram-js"],
  watch: ["probe", "engine", "measure", "metrics", "live", "type:serve"],
  demo: ["probe", "engine", "measure", "health", "route", "guard", "run", "load", "watch"],
  cli: [
    "index.ts",
    "probe",
    "engine",
    "measure",
    "health",
    "route",
    "guard",
    "run",
    "load",
    "watch",
    "serve",
    "metrics",
    "demo",
    "doctor",
    "init",
    "commander",
    "yaml",
  ],
};
const everywhere = ["errors.ts", "units.ts"];

const root = new URL("../src/", import.meta.url);
const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
const sourceOf = (file: string) => readFileSync(new URL(file, root), "utf8");
/** Comments may talk of what code may not do. */
const codeOf = (file: string) => sourceOf(file).replace(/^\s*\/\/.*$|\/\*[\s\S]*?\*\/|\s\/\/ .*$/gm, "");
const roomOf = (file: string) => file.split("/")[0]!;

interface Import {
  readonly from: string;
  readonly typeOnly: boolean;
}

function importsOf(code: string): Import[] {
  const statements = [...code.matchAll(/^(?:import|export)\s+(type\s+)?([^;"']*?\sfrom\s+)?["']([^"']+)["']/gm)];
  const calls = [...code.matchAll(/\bimport\(\s*["']([^"']+)["']\s*\)/g)];
  return [
    ...statements.map(([, type, names = "", from]) => ({
      from: from!,
      typeOnly: type !== undefined || /^\{(\s*type\s+[^,}]+,?)+\s*\}/.test(names),
    })),
    ...calls.map(([, from]) => ({ from: from!, typeOnly: false })),
  ];
}

/** The room or package that an import leads to. */
function destination(file: string, from: string): string {
  if (from.startsWith(".")) return roomOf(posix.join(posix.dirname(file), from.replace(/\.js$/, ".ts")));
  return from.startsWith("@") ? from.split("/").slice(0, 2).join("/") : from.split("/")[0]!;
}

describe("the import reader", () => {
  it("sees every form", () => {
    const code = `import a from "x";\nimport { type B, type C } from "./y.js";\nimport type { D } from '../z.js';
export * from "w";\nimport "v";\nimport {\n  type E,\n  f,\n} from "u";\nconst t = await import("t");\n`;
    expect(importsOf(code)).toEqual([
      { from: "x", typeOnly: false },
      { from: "./y.js", typeOnly: true },
      { from: "../z.js", typeOnly: true },
      { from: "w", typeOnly: false },
      { from: "v", typeOnly: false },
      { from: "u", typeOnly: false },
      { from: "t", typeOnly: false },
    ]);
  });
});

describe.each(files)("src/%s", (file) => {
  const room = roomOf(file);

  it("is in a room that is in the plan, one level deep, under a name that says something", () => {
    expect(Object.keys(allowed)).toContain(room);
    expect(file.split("/").length).toBeLessThanOrEqual(2);
    expect(basename(file, ".ts")).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(basename(file, ".ts")).not.toMatch(/(^|-)(utils?|helpers?|common|misc|types?|manager|impl)$/);
  });

  it("opens with a sentence on what it is, and is at most 400 lines long", () => {
    const source = sourceOf(file).replace(/^#!.*\n/, "");
    expect(source).toMatch(/^(\/\/ |\/\*\*)/);
    expect(source.split("\n").length).toBeLessThanOrEqual(400);
  });

  it("imports what its room may", () => {
    const broken = importsOf(codeOf(file)).flatMap(({ from, typeOnly }) => {
      const to = from.startsWith("node:") ? room : destination(file, from);
      const may = [...everywhere, ...(allowed[room] ?? [])];
      const ok =
        (to === room && room.indexOf(".") < 0) ||
        from.startsWith("node:") ||
        may.includes(to) ||
        (typeOnly && may.includes(`type:${to}`));
      return ok ? [] : [`${room} imports ${from}${typeOnly ? " (types)" : ""}`];
    });
    expect(broken).toEqual([]);
  });

  it("leaves argv, exit codes and the console to the cli, and the addon to the engine", () => {
    const code = codeOf(file);
    if (room !== "cli") expect(code).not.toMatch(/\bprocess\.(argv|exit|exitCode)\b|\bconsole\./);
    if (room !== "engine") expect(code).not.toMatch(/node-gyp-build|\.node["'`]|process\.dlopen/);
  });
});

describe("dns-packet", () => {
  it("is known to one file", () => {
    const users = files.filter((file) => importsOf(codeOf(file)).some(({ from }) => from === "dns-packet"));
    expect(users).toEqual(["probe/dns.ts"]);
  });
});

describe("the pure rooms", () => {
  it("have no clock, no file, no socket and no process", () => {
    const impure = files
      .filter((file) => ["probe", "health"].includes(roomOf(file)))
      .filter((file) => {
        const code = codeOf(file);
        const modules = importsOf(code).some(({ from }) =>
          /^node:(fs|dgram|child_process|worker_threads|timers|http)/.test(from),
        );
        return modules || /\b(Date\.now|setTimeout|setInterval|monotonicNs|process\.hrtime)\(/.test(code);
      });
    expect(impure).toEqual([]);
  });
});

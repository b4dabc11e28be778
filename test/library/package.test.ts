// The package as others get it: packed, installed without scripts into an empty project, its types checked, and every example run
// as it is written. It packs what `npm run build` has left in dist.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Answerer } from "../../src/demo/answerer.js";
import { Answerer as FastAnswerer } from "../../src/engine/answerer.js";
import { freePort } from "../support/answerer.js";
import { inNamespace } from "../support/namespace.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const project = mkdtempSync(join(tmpdir(), "anyprobe-package-"));
const exec = promisify(execFile);
const tool = (name: string) => join(root, "node_modules/.bin", name);
const examples = readdirSync(join(root, "docs/examples")).map((file) => file.replace(/\.ts$/, ""));
let tarball = "";

beforeAll(async () => {
  const env = { ...process.env, npm_config_loglevel: "error", npm_config_ignore_scripts: "true" };
  await exec(process.execPath, ["native/prebuild.mjs"], { cwd: root });
  const packed = await exec("npm", ["pack", "--silent", "--pack-destination", project], { cwd: root, env });
  tarball = join(project, packed.stdout.trim().split("\n").at(-1)!);
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const install = ["install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", tarball];
  await exec("npm", install, { cwd: project, env });
  cpSync(join(project, "node_modules/anyprobe/docs/examples"), project, { recursive: true });
  const options = {
    ...{
      target: "es2023",
      lib: ["es2023", "esnext.disposable"],
      module: "nodenext",
      strict: true,
      noEmitOnError: true,
    },
    ...{ types: ["node"], typeRoots: [join(root, "node_modules/@types")] },
  };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions: options, include: ["*.ts"] }));
  // What it finds goes to stdout, and would be lost with the status alone.
  await exec(tool("tsc"), { cwd: project }).catch(({ stdout }) => expect(stdout).toBe(""));
});
afterAll(() => rmSync(project, { recursive: true }));

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function answerer(nsid: string) {
  const one = await Answerer.open({ address: "127.0.0.1", port: 0, nsid });
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= one.close();
    return closed;
  };
  open.push(close);
  return { port: one.port, manner: one.manner, close };
}

function fastAnswerer(address: string): FastAnswerer {
  const one = FastAnswerer.start({ address });
  open.push(() => one.close());
  return one;
}

const byVersion = new Intl.Collator("en", { numeric: true }).compare;
const ran = new Set<string>();

/** start runs an example; `line` waits for one that it prints, `end` for its end. */
function start(example: string, ...args: readonly string[]) {
  ran.add(example);
  const child = spawn(process.execPath, [`${example}.js`, ...args], { cwd: project });
  open.push(() => child.kill("SIGKILL"));
  const lines: string[] = [];
  let complaint = "";
  let wake = () => {};
  const reader = createInterface(child.stdout).on("line", (line) => {
    lines.push(line);
    wake();
  });
  child.stderr.on("data", (data) => {
    complaint += data;
  });
  const over = Promise.all([once(child, "close"), once(reader, "close")]);
  void over.then(() => wake());
  return {
    child,
    line: async (pattern: RegExp) => {
      for (let at = 0; ; at++) {
        while (at === lines.length) {
          if (child.exitCode !== null) throw new Error(`no ${pattern} in:\n${lines.join("\n")}\n${complaint}`);
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        if (pattern.test(lines[at]!)) return lines[at]!;
      }
    },
    end: async () => {
      const [[code]] = await over;
      expect(complaint).toBe("");
      return { code, lines };
    },
  };
}

/** What the package holds; anything else in it is an accident. */
const contents = [
  /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|binding\.gyp)$/,
  /^dist\/(?!page\/).+\.(js|d\.ts)$/,
  /^dist\/page\/((report|status)\.js|(style|status)\.css)$/,
  new RegExp(`^prebuilds/linux-${process.arch}/anyprobe\\.glibc\\.node$`),
  /^native\/(\w+\.(cc|h)|(build|prebuild)\.mjs)$/,
  /^docs\/(\w[\w-]*\/)*[\w.-]+\.md$/,
  /^docs\/examples\/\w+\.ts$/,
  /^packaging\/(anyprobe\.service(\.d\/\w+\.conf)?|grafana\/anyprobe\.json|prometheus\/anyprobe\.rules\.yml)$/,
];

describe("the package", () => {
  test("holds these files and no others, and stays small", async () => {
    const files = (await exec("tar", ["-tzf", tarball])).stdout.trim().split("\n");
    const names = files.map((name) => name.replace(/^package\//, ""));
    expect(names.filter((name) => !contents.some((pattern) => pattern.test(name)))).toEqual([]);
    for (const pattern of contents) expect(names).toContainEqual(expect.stringMatching(pattern));
    // tsc leaves what it made of a source that is gone.
    const modules = names.map((name) => /^dist\/(?!page\/)(.+?)(\.d\.ts|\.js)$/.exec(name)?.[1]).filter(Boolean);
    expect(modules.filter((name) => !existsSync(join(root, "src", `${name}.ts`)))).toEqual([]);
    expect(statSync(tarball).size).toBeLessThan(1.5 * 2 ** 20);
  });

  test("runs where it was installed, without scripts and without a compiler", async () => {
    const bin = join(project, "node_modules/.bin/anyprobe");
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const env = { PATH: dirname(process.execPath) };
    expect((await exec(bin, ["--version"], { cwd: project, env })).stdout).toBe(`${version}\n`);
    // The binary is the one that was packed, and it asks and is answered.
    expect(existsSync(join(project, "node_modules/anyprobe/build"))).toBe(false);
    const { port } = await answerer("e1");
    const check = await exec(bin, ["check", "127.0.0.1", "-p", String(port), "-l", "health.example.com", "-t", "10s"], {
      cwd: project,
      env,
    });
    expect(check.stdout).toMatch(/^DNS OK/);
  });

  test("asks of the host no newer C and C++ library than docs/install.md says", async () => {
    const page = readFileSync(join(root, "docs/install.md"), "utf8");
    const binary = join(project, `node_modules/anyprobe/prebuilds/linux-${process.arch}/anyprobe.glibc.node`);
    const symbols = (await exec("objdump", ["-T", binary])).stdout;
    for (const [library, floor] of [...page.matchAll(/`(GLIBC|GLIBCXX)_([\d.]+)`/g)].map((match) => match.slice(1))) {
      const wanted = [...symbols.matchAll(new RegExp(`\\b${library}_([\\d.]+)`, "g"))].map((match) => match[1]!);
      expect(wanted.sort(byVersion).at(-1)).toBe(floor);
    }
    expect(page).toMatch(/`GLIBC_[\s\S]*`GLIBCXX_/);
  });

  test("has types that resolve wherever modules do (attw), and nothing that publint would have otherwise", async () => {
    // Its exit status tells; a package of ES modules alone resolves nowhere else.
    await exec(tool("attw"), ["--profile", "esm-only", "--no-color", tarball]);
    expect((await exec(tool("publint"), ["run", tarball, "--strict"])).stdout).toContain("All good!");
  });
});

describe("the example", () => {
  test("probe tells who answered, and fails where nobody does", async () => {
    const { port } = await answerer("e1");
    const well = await start("probe", "127.0.0.1", String(port)).end();
    expect(well).toEqual({
      code: 0,
      lines: ["as expected", expect.stringMatching(/^e1 said NOERROR in \d+\.\d{3} ms$/)],
    });
    const dead = await start("probe", "127.0.0.1", String(await freePort())).end();
    expect(dead).toEqual({ code: 1, lines: ["unreachable (ECONNREFUSED)"] });
  });

  test("watch tells of a shift of the catchment, and of a death", async () => {
    const { port, manner, close } = await answerer("e1");
    const target = `127.0.0.1:${port}`;
    writeFileSync(join(project, "targets.txt"), `127.0.0.1 ${port}\n`);
    const { child, line, end } = start("watch", "targets.txt");
    await line(new RegExp(`^${target}: nobody -> e1$`));
    Object.assign(manner, { nsid: "e2" });
    await line(new RegExp(`^${target}: e1 -> e2$`));
    await close();
    await line(new RegExp(`^${target} is down: unreachable \\(ECONNREFUSED\\)$`));
    child.kill("SIGINT");
    const { code, lines } = await end();
    expect(code).toBe(0);
    expect(lines.at(-1)).toMatch(new RegExp(`^${target}: loss \\d+\\.\\d %, p99 \\d+\\.\\d{3} ms$`));
  });

  test("engine has every target's latencies, and its losses", async () => {
    const targets = ["127.0.0.1", "127.0.0.2"].map((address) => `${address}:${fastAnswerer(address).port}`);
    targets.push(`127.0.0.1:${await freePort()}`);
    const { code, lines } = await start("engine", ...targets).end();
    expect(code).toBe(0);
    const times = "p50 \\d+\\.\\d{3} ms, p99 \\d+\\.\\d{3} ms";
    for (const index of [0, 1])
      expect(lines[index]).toMatch(new RegExp(`^${targets[index]} 100 answered, 0 not, ${times}$`));
    expect(lines[2]).toBe(`${targets[2]} 0 answered, 100 not, p50 NaN ms, p99 NaN ms`);
  });

  test("bench finds what is held, and says when the generator was the limit", async () => {
    const { code, lines } = await start("bench", "127.0.0.1", String(fastAnswerer("127.0.0.1").port)).end();
    expect(code).toBe(0);
    expect(lines[0]).toMatch(/^500\/s for \d\.\d s: held$/);
    expect(lines.at(-1)).toMatch(/^(2000\/s held \(2,000\/s held, and more was not allowed\)|at least \d+\/s: .+)$/);
  });

  test("health withdraws the address of a dead service, and moves nothing unless it is told to", async () => {
    const { port, close } = await answerer("e1");
    const { child, line, end } = start("health", "127.0.0.1", String(port));
    await line(/^unknown -> rising/);
    await line(/^127\.0\.0\.1\/32 is announced \(dry run: nothing was changed\)$/);
    await close();
    await line(/^falling -> down: 3 failures in .*: unreachable \(ECONNREFUSED\)$/);
    await line(/^127\.0\.0\.1\/32 is withdrawn \(dry run: nothing was changed\)$/);
    child.kill("SIGINT");
    expect((await end()).code).toBe(0);
  });

  test("health takes the address away and puts it back where it is told to", async () => {
    const fixture = new URL("./fixtures/health.ts", import.meta.url);
    const seen = await inNamespace(fixture, "really", { argument: project });
    expect(seen).toEqual({ before: true, dead: false, after: true, code: 0 });
  });

  test("each of them was run", () => {
    expect([...ran].sort()).toEqual(examples.sort());
  });
});

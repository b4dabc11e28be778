// Bundles the scripts and the styles of the HTML report and of the status page into dist/page: `npm run build`. Both inline them as they
// are, so what is installed needs no bundler.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const page = dirname(fileURLToPath(import.meta.url));
const plotter = dirname(createRequire(import.meta.url).resolve("uplot/package.json"));
// The plotter's licence asks to be kept with every copy, and each report is one.
const licence = readFileSync(join(plotter, "LICENSE"), "utf8").trim().replaceAll("*/", "* /");

await build({
  entryPoints: [
    { in: join(page, "main.ts"), out: "report" },
    { in: join(page, "style.css"), out: "style" },
    { in: join(page, "status/main.ts"), out: "status" },
    { in: join(page, "status/style.css"), out: "status" },
  ],
  outdir: join(dirname(page), "dist/page"),
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "ascii",
  legalComments: "none",
  banner: { js: `/*! uPlot:\n${licence} */` },
  logLevel: "warning",
});

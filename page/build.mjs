// Bundles the script and the style of the HTML report into dist/page: `npm run build`. The report inlines them as they are, so what
// is installed needs no bundler.
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
  entryPoints: { report: join(page, "main.ts"), style: join(page, "style.css") },
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

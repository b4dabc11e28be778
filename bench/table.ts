// What was measured, kept in bench/results as one file per scenario, and the tables that are written from it: the README's, with
// a sentence for each scenario, and that of docs/benchmarks.md, with all figures.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Report } from "./experiment.js";
import { scenarios } from "./scenarios.js";

const root = new URL("../", import.meta.url);
const results = new URL("bench/results/", root);
const start = "<!-- bench: start -->";
const end = "<!-- bench: end -->";

/** pages has the renderer of the table in each page. */
export const pages: Readonly<Record<string, (reports: readonly Report[]) => string>> = {
  "README.md": headlines,
  "docs/benchmarks.md": everything,
};

/** save keeps a report; the scenario's old one goes. */
export function save(report: Report): void {
  writeFileSync(new URL(`${report.name}.json`, results), `${JSON.stringify(report, undefined, 2)}\n`);
}

/** saved gives the kept reports, in the order of the scenarios. */
export function saved(): Report[] {
  const kept = new Set(readdirSync(results));
  return Object.keys(scenarios)
    .filter((name) => kept.has(`${name}.json`))
    .map((name) => JSON.parse(readFileSync(new URL(`${name}.json`, results), "utf8")));
}

/** writeTables puts the tables of the kept reports into their pages. */
export function writeTables(): void {
  for (const [page, render] of Object.entries(pages)) {
    const file = new URL(page, root);
    writeFileSync(file, withTable(readFileSync(file, "utf8"), render(saved()), page));
  }
}

/** withTable gives a page with what is between its markers replaced. Throws where it has none. */
export function withTable(text: string, table: string, page: string): string {
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page}: expected the lines "${start}" and "${end}"`);
  return `${text.slice(0, from + start.length)}\n${table}\n${text.slice(to)}`;
}

/** headlines is the README's table. */
export function headlines(reports: readonly Report[]): string {
  const rows = reports.flatMap(({ name, figures }) => {
    const { headline, summary } = scenarios[name]!;
    if (headline === undefined) return [];
    return [`| ${summary} | ${headline.replace(/\{(\w+)\}/g, (_, figure) => show(figures[figure]))} |`];
  });
  return ["| what | measured |", "|---|---|", ...rows].join("\n");
}

/** everything is the table of all figures, under a heading for each scenario. */
export function everything(reports: readonly Report[]): string {
  return reports
    .map(({ name, ok, figures, environment }) => {
      const { commit, kernel, cpus, cpu, node, command } = environment;
      const rows = Object.entries(figures)
        .filter(([, value]) => typeof value === "number")
        .map(([figure, value]) => `| \`${figure}\` | ${show(value)} |`);
      return [
        `### \`${name}\``,
        "",
        `${scenarios[name]!.summary}. ${ok ? "All bars hold" : "Not all bars hold"}. \`${command}\` at ${commit},`,
        `Linux ${kernel}, ${cpus} x ${cpu}, Node.js ${node}.`,
        "",
        "| figure | value |",
        "|---|---|",
        ...rows,
        "",
      ].join("\n");
    })
    .join("\n");
}

/** show writes a figure for people: 1234567 as 1.23 M. */
function show(value: unknown): string {
  if (typeof value !== "number") return String(value);
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`;
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))} k`;
  return String(value);
}

// The matrix for people: a line for each driver and family, a column for each action, and below it what is to be said of a line.
import type { Row } from "./drivers.js";
import { spread } from "./figures.js";

const actions = ["withdraw", "announce", "deprefer", "back"] as const;

/** matrixTable writes medians in ms, with the slowest in brackets. */
export function matrixTable(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(({ name }) => name.length));
  const line = (name: string, cells: readonly string[]) =>
    `${name.padEnd(width)}  ${cells.map((cell) => cell.padStart(18)).join("")}`;
  const notes: string[] = [];
  const lines = rows.map(({ name, cell }) => {
    if ("refused" in cell) {
      notes.push(`${name}: ${cell.refused}`);
      return line(name, ["no such form"]);
    }
    const { noRung, way, other, failures } = cell;
    if (way !== undefined) notes.push(`${name}: moved by ${way}`);
    if (noRung !== undefined) notes.push(`${name}: no rung: ${noRung}`);
    notes.push(`${name}: of the other prefix ${other}`, ...failures.map((failure) => `${name}: FAILED ${failure}`));
    return line(
      name,
      actions.map((action) => {
        const took = cell.tookMs[action];
        if (took.length > 0) return `${spread(took).median_ms.toFixed(1)} (${spread(took).max_ms.toFixed(1)})`;
        return noRung !== undefined && (action === "deprefer" || action === "back") ? "no rung" : "-";
      }),
    );
  });
  return [line("", actions), ...lines, ...notes].join("\n");
}

// `anyprobe doctor` for people: the findings by severity, each with what to type.
import { styleText } from "node:util";
import { type Finding, type Severity, severities } from "../doctor/finding.js";

const headings: Readonly<
  Record<Severity, { readonly one: string; readonly many: string; readonly style: "red" | "yellow" | "cyan" }>
> = {
  error: { one: "error", many: "errors", style: "red" },
  warning: { one: "warning", many: "warnings", style: "yellow" },
  note: { one: "note", many: "notes", style: "cyan" },
};

/** renderFindings writes all of them as lines of text, the gravest first. */
export function renderFindings(findings: readonly Finding[], colours: boolean): string {
  return severities
    .map((severity) =>
      renderGroup(
        severity,
        findings.filter((finding) => finding.severity === severity),
        colours,
      ),
    )
    .filter((group) => group !== "")
    .join("\n");
}

/** renderClean is what a terminal shows where there is nothing to say. */
export function renderClean(colours: boolean): string {
  return `${paint("green", "✓", colours)} nothing found\n`;
}

function renderGroup(severity: Severity, findings: readonly Finding[], colours: boolean): string {
  if (findings.length === 0) return "";
  const { one, many, style } = headings[severity];
  const heading = paint(style, `${findings.length} ${findings.length === 1 ? one : many}`, colours);
  const lines = findings.flatMap(({ id, subject, message, fix }) => [
    `  ${paint(style, id, colours)} ${subject}: ${message}`,
    `      ${fix}`,
  ]);
  return `${[heading, ...lines].join("\n")}\n`;
}

function paint(style: "red" | "yellow" | "cyan" | "green", text: string, colours: boolean): string {
  return colours ? styleText(style, text, { validateStream: false }) : text;
}

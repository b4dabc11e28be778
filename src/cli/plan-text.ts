// `anyprobe plan` for people: whether the endpoints hold the peak, and which withdrawal would be one too many.
import { styleText } from "node:util";
import type { CapacityPlan, Split, Withdrawal } from "../load/capacity-plan.js";
import { count, percent, plain } from "../load/figure.js";

type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;

const titles: Readonly<Record<Split, string>> = {
  even: "Spread evenly over those that are left:",
  one: "The worst, all of it landing on one of those that are left:",
};

/** renderPlan writes a plan as lines of text; `judgedBy` is the split that decides. */
export function renderPlan(plan: CapacityPlan, judgedBy: Split, notes: readonly string[], colours: boolean): string {
  const paint: Paint = (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text);
  const { endpoints, peakQps, withdrawals, needed, survives } = plan;
  const survive = withdrawals.at(-1)!.withdrawn;
  const width = Math.max(...endpoints.map(({ name }) => plain(name).length));
  const ok = survives[judgedBy];
  const unsure = endpoints.some(({ atLeast }) => atLeast);
  const verdict = ok ? "survives" : unsure ? "is not known to survive" : "does not survive";
  const lines = [
    `Peak ${count(peakQps)} queries/s over ${endpoints.length} ${endpoints.length === 1 ? "endpoint" : "endpoints"}:`,
    "",
    ...endpoints.map(
      ({ name, capacityQps, atLeast, loadQps, headroom }) =>
        `  ${plain(name).padEnd(width)}  holds ${atLeast ? "at least " : ""}${count(capacityQps)} queries/s; ` +
        `at the peak ${count(loadQps)}, headroom ${left(headroom, atLeast, paint)}`,
    ),
  ];
  for (const split of ["even", "one"] as const) {
    lines.push("", titles[split]);
    for (const withdrawal of withdrawals)
      if (withdrawal.split === split && withdrawal.withdrawn > 0)
        lines.push(...renderWithdrawal(withdrawal, plan, paint));
    lines.push(`  needed, each like the smallest: ${count(needed[split])}; there are ${endpoints.length}`);
  }
  lines.push(
    "",
    `The plan ${paint(ok ? "green" : "red", verdict)} ${survive === 0 ? "with none withdrawn" : `the withdrawal of any ${survive} ${where(judgedBy)}`}.`,
  );
  for (const note of notes) lines.push(`  ${plain(note)}`);
  return `${lines.join("\n")}\n`;
}

function where(split: Split): string {
  return split === "even" ? "where the rest shares the traffic evenly" : "wherever the traffic goes";
}

function renderWithdrawal(withdrawal: Withdrawal, { endpoints }: CapacityPlan, paint: Paint): string[] {
  const atLeast = endpoints.some(({ name, atLeast }) => name === withdrawal.fullest && atLeast);
  const { withdrawn, worst, fullest, loadQps, headroom, holdsQps, overloading } = withdrawal;
  const names = (list: readonly string[]) => list.map(plain).join(" + ");
  const lines = [
    `  any ${withdrawn}: the worst is ${names(worst)}; ${plain(fullest)} then gets ${count(loadQps)} queries/s, ` +
      `headroom ${left(headroom, atLeast, paint)}; holds up to a peak of ${count(Math.floor(holdsQps))}`,
  ];
  if (overloading && overloading.count > 0) {
    const more = overloading.count > overloading.examples.length ? ", …" : "";
    const examples = overloading.examples.map(names).join(", ");
    lines.push(
      `         ${count(overloading.count)} of ${count(overloading.of)} withdrawals overload the rest: ${examples}${more}`,
    );
  }
  return lines;
}

function left(headroom: number, atLeast: boolean, paint: Paint): string {
  if (headroom >= -1e-9) return percent(Math.max(0, headroom));
  return paint("red", `${percent(headroom)} (${atLeast ? "more than it is known to hold" : "overloaded"})`);
}

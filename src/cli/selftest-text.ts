// `anyprobe selftest` for people: a line for each thing that was looked at, and under it what to do where it is not well.
import { styleText } from "node:util";
import type { Proof } from "../run/selftest.js";

const marks = {
  proven: { sign: "✓", style: "green" },
  doubtful: { sign: "!", style: "yellow" },
  failed: { sign: "✗", style: "red" },
} as const;

const indent = " ".repeat(4);

/** renderProof writes a proof as lines of text. */
export function renderProof({ state, subject, claim, got, expected, advice }: Proof, colours: boolean): string {
  const { sign, style } = marks[state];
  const mark = colours ? styleText(style, sign, { validateStream: false }) : sign;
  const lines = [`${mark} ${subject}: ${claim}: ${got}`];
  if (expected !== null) lines.push(`${indent}expected ${expected}`);
  if (advice !== null) lines.push(`${indent}${advice}`);
  return `${lines.join("\n")}\n`;
}

/** renderSum writes the last line: how many there were of each. */
export function renderSum(proofs: readonly Proof[]): string {
  const count = (state: Proof["state"]) => proofs.filter((proof) => proof.state === state).length;
  return `${count("proven")} proven, ${count("doubtful")} doubtful, ${count("failed")} failed\n`;
}

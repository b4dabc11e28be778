// Findings: their order, and that docs/doctor.md has every one.
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { type Finding, inOrder } from "../../src/doctor/finding.js";
import { rows } from "../support/table.js";

const directory = new URL("../../src/doctor/", import.meta.url);
const source = readdirSync(directory)
  .map((name) => readFileSync(new URL(name, directory), "utf8"))
  .join("\n");

it("are all in docs/doctor.md, and nothing else is", () => {
  const documented = rows(readFileSync(new URL("../../docs/doctor.md", import.meta.url), "utf8")).map(
    ({ cells }) => /^`(.*)`$/.exec(cells[0]!)![1]!,
  );
  const known = new Set([...source.matchAll(/\bid: "([a-z0-9-]+)"/g)].map(([, id]) => id!));
  expect([...known].filter((id) => !documented.includes(id))).toEqual([]);
  expect(documented.filter((id) => !source.includes(`"${id}"`))).toEqual([]);
});

it("stand in order of severity, each once", () => {
  const finding = (severity: Finding["severity"], id: string): Finding => ({
    id,
    severity,
    subject: "lo",
    message: "",
    fix: "",
  });
  const found = [finding("note", "a"), finding("error", "c"), finding("warning", "b"), finding("error", "b")];
  expect(inOrder([...found, finding("note", "a")]).map(({ severity, id }) => `${severity} ${id}`)).toEqual([
    "error b",
    "error c",
    "warning b",
    "note a",
  ]);
});

import { expect, test } from "vitest";
import { renderProof, renderSum } from "../../src/cli/selftest-text.js";
import type { Proof } from "../../src/run/selftest.js";

const proven: Proof = {
  state: "proven",
  kind: "unroutable",
  subject: "IPv4",
  claim: "the mark rule keeps a probe from 192.0.2.1, which is not this host's",
  got: "ENETUNREACH",
  expected: null,
  advice: null,
};
const doubtful: Proof = {
  ...proven,
  state: "doubtful",
  kind: "driver",
  subject: "203.0.113.53/32",
  claim: "the driver address can be read, and could act",
  got: "withdrawn: not on lo; announcing adds it",
  expected: "203.0.113.53/32 on lo, which is up",
};
const failed: Proof = {
  ...doubtful,
  state: "failed",
  kind: "passes",
  claim: "dns health.example.com/A passes",
  got: "timeout (3 of 3)",
  expected: "3 passes",
  advice: "see whether the server at 203.0.113.53 port 53 runs, and answers this source",
};

test("what is proven is one line", () => {
  expect(renderProof(proven, false)).toBe(
    "✓ IPv4: the mark rule keeps a probe from 192.0.2.1, which is not this host's: ENETUNREACH\n",
  );
});

test("what is not has what was expected and what to do below it", () => {
  expect(renderProof(failed, false)).toBe(
    "✗ 203.0.113.53/32: dns health.example.com/A passes: timeout (3 of 3)\n" +
      "    expected 3 passes\n" +
      "    see whether the server at 203.0.113.53 port 53 runs, and answers this source\n",
  );
  expect(renderProof(doubtful, false)).toBe(
    "! 203.0.113.53/32: the driver address can be read, and could act: withdrawn: not on lo; announcing adds it\n" +
      "    expected 203.0.113.53/32 on lo, which is up\n",
  );
});

test("colours are in the mark alone", () => {
  const [line = ""] = renderProof(failed, true).split("\n");
  expect(line).toBe(`\u001b[31m✗\u001b[39m ${renderProof(failed, false).split("\n")[0]!.slice(2)}`);
});

test("the sum counts each", () => {
  expect(renderSum([proven, failed, proven, doubtful])).toBe("2 proven, 1 doubtful, 1 failed\n");
});

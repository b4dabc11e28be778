// Judging a row: by its header alone, as most checks are; by the answer's records, which are decoded; and a failure.
import { judge } from "../../src/index.js";
import { compile } from "../../src/probe/template.js";
import { nsEach, type Race } from "./race.js";

const count = 1 << 14;
const query = { name: "health.example.com", type: "A" } as const;

/** An answer with one A record, 198.51.100.80, at the name that was asked (a pointer to it, RFC 1035 4.1.4). */
function answer(): Buffer {
  const question = Buffer.from(compile({ ...query, ednsSize: 0 }).bytes);
  question.writeUInt16BE(0x8580, 2);
  question.writeUInt16BE(1, 6);
  return Buffer.concat([question, Buffer.of(0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 51, 100, 80)]);
}

type Finding = Parameters<typeof judge>[0];
type Expectation = Parameters<typeof judge>[2];

function judging(finding: Finding, expectation: Expectation, kind: string) {
  const verdict = judge(finding, query, expectation);
  if (verdict.kind !== kind) throw new Error(`expected the verdict ${kind}, got ${JSON.stringify(verdict)}`);
  return (seconds: number) =>
    nsEach(count, seconds, () => {
      for (let i = 0; i < count; i++) judge(finding, query, expectation);
    });
}

const answered = { outcome: "answered", rcode: 0, errno: 0, rttNs: 60e3, answer: undefined } as const;

export const race: Race = {
  summary: "judging a row: ns each, by its header, by its records, and a timeout",
  headline: "a row judged in {header_ns} ns by its header, in {records_ns} ns by its records",
  runners: {
    header: (seconds) => ({ header_ns: judging(answered, { maxRttMs: 100 }, "pass")(seconds) }),
    records: (seconds) => {
      const expectation = { answers: ["198.51.100.80"], flags: ["aa"] } as const;
      return { records_ns: judging({ ...answered, answer: answer() }, expectation, "pass")(seconds) };
    },
    timeout: (seconds) => ({ timeout_ns: judging({ ...answered, outcome: "timeout" }, {}, "fail")(seconds) }),
  },
  bounds: { header_ns: { most: 1000 } },
};

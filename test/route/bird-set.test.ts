import { describe, expect, test } from "vitest";
import { editSet, hasPrefix, readSet } from "../../src/route/bird-set.js";
import { prefixOf } from "../../src/route/prefix.js";

const [one, two] = [prefixOf("203.0.113.53"), prefixOf("203.0.113.54")];
const six = prefixOf("2001:db8::53");
const dummy = "10.189.200.255/32";

const constant = `# 10.189.200.255/32 is nobody's: [ ]
define ANYCAST_OTHER = [ 198.51.100.0/24+ ];
define ANYCAST =
    [
        10.189.200.255/32, # ], not the end
        198.51.100.0/24{25,32},
        203.0.113.53/32
    ];
define AFTER = 1;
`;

test("a constant is read, with whatever patterns it has", () => {
  expect(readSet(constant, "ANYCAST")).toEqual([dummy, "198.51.100.0/24{25,32}", one]);
  expect(readSet(constant, "ANYCAST_OTHER")).toEqual(["198.51.100.0/24+"]);
  expect(readSet(constant, "OTHER")).toBeUndefined();
  expect(readSet("/* define ANYCAST = [ 203.0.113.53/32 ]; */", "ANYCAST")).toBeUndefined();
  expect(hasPrefix(["2001:DB8:0::53/128"], six)).toBe(true);
});

test("what is taken out or in leaves all else, to the letter", () => {
  const without = editSet(constant, "ANYCAST", { remove: [one], dummy });
  expect(readSet(without, "ANYCAST")).toEqual([dummy, "198.51.100.0/24{25,32}"]);
  expect(without.slice(0, without.indexOf("define ANYCAST ="))).toBe(
    constant.slice(0, constant.indexOf("define ANYCAST =")),
  );
  expect(without.endsWith("\n    ];\ndefine AFTER = 1;\n")).toBe(true);
  const back = editSet(without, "ANYCAST", { add: [one, two], dummy });
  expect(readSet(back, "ANYCAST")).toEqual([dummy, "198.51.100.0/24{25,32}", one, two]);
});

test("where nothing is to do the text is the same", () => {
  expect(editSet(constant, "ANYCAST", { remove: [two], add: [one], dummy })).toBe(constant);
});

test("a set is never empty", () => {
  expect(editSet("define A = [ 203.0.113.53/32 ];", "A", { remove: [one], dummy })).toBe(
    "define A = [\n    10.189.200.255/32\n];",
  );
});

test("a set that is not there is an error", () => {
  expect(() => editSet("define B = 1;", "A", { add: [one], dummy })).toThrow("expected a set A, got none");
});

describe("birdwatcher's function", () => {
  const typed = "# ours\nfunction match_route() -> bool\n{\n\treturn net ~ [\n\t\t203.0.113.53/32\n\t];\n}\n";

  test.each([
    ["with", typed],
    ["without", typed.replace(" -> bool", "")],
  ])("%s its type", (_, text) => {
    expect(readSet(text, "match_route")).toEqual([one]);
    expect(editSet(text, "match_route", { add: [two], dummy })).toBe(
      text.replace("\t\t203.0.113.53/32", "\t\t10.189.200.255/32,\n\t\t203.0.113.53/32,\n\t\t203.0.113.54/32"),
    );
  });

  test("that lets nothing out", () => {
    const none = "function match_route()\n{\n\treturn false;\n}\n";
    expect(readSet(none, "match_route")).toEqual([]);
    expect(editSet(none, "match_route", { add: [one], dummy })).toBe(
      "function match_route()\n{\n\treturn net ~ [\n\t\t10.189.200.255/32,\n\t\t203.0.113.53/32\n\t];\n}\n",
    );
  });
});

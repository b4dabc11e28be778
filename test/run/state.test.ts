import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { prefixOf } from "../../src/route/prefix.js";
import { noState as nothing, type State, StateFile } from "../../src/run/state.js";

const moment = { bootId: "e3a1", bootNs: 5e9, wallMs: 1_795_000_000_000 };
const state: State = {
  ...nothing,
  changes: [{ driver: "frr", prefix: prefixOf("203.0.113.53"), undo: { network: "0.0.0.0" } }],
  manual: [{ prefix: prefixOf("203.0.113.54"), by: "pid 7", why: "new disk" }],
  orders: [
    {
      prefix: prefixOf("203.0.113.53"),
      kind: "drain",
      by: "root (pid 8)",
      reason: null,
      force: false,
      given: moment,
      forMs: 3600e3,
      drained: true,
    },
  ],
  freeze: { by: "root (pid 9)", reason: "incident 7", given: moment, forMs: null },
  flaps: [{ prefix: prefixOf("203.0.113.53"), departures: 2, departed: moment, returned: null }],
  announced: [prefixOf("203.0.113.53")],
  bootId: moment.bootId,
  clean: true,
};

let directory: string;
let path: string;
let warnings: string[];
const open = (at = path) => new StateFile(at, (warning) => warnings.push(warning));

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "anyprobe-state-"));
  path = join(directory, "state.json");
  warnings = [];
});
afterEach(() => rmSync(directory, { recursive: true }));

test("what was written is read by the next one, and nothing else is left lying about", () => {
  open().write(state);
  expect(open().read()).toEqual(state);
  expect(readdirSync(directory)).toEqual(["state.json"]);
  expect(statSync(path).mode & 0o777).toBe(0o640);
  expect(warnings).toEqual([]);
});

test("a first start finds nothing, and makes the directory when it writes", () => {
  const deep = join(directory, "a", "b", "state.json");
  expect(open(deep).read()).toEqual(nothing);
  open(deep).write(state);
  expect(open(deep).read()).toEqual(state);
  expect(warnings).toEqual([]);
});

test.each([
  ["is cut off", '{"version": 1, "cha'],
  ["is empty", ""],
  ["is null", "null"],
  ["is of another version", '{"version": 1, "changes": []}'],
  ["has changes that are none", '{"version": 2, "changes": {}}'],
  [
    "has a change of nothing",
    '{"version": 2, "changes": [{"driver": "frr", "prefix": "203.0.113.53/32", "undo": null}]}',
  ],
  ["has an order of nobody", '{"version": 2, "changes": [], "manual": [{"prefix": "203.0.113.53/32"}]}'],
  ["has an order of no kind", '{"version": 2, "orders": [{"prefix": "203.0.113.53/32", "kind": "dance"}]}'],
  ["has a freeze without an end or none", '{"version": 2, "freeze": {"by": "root", "reason": null}}'],
  ["has flaps without a moment", '{"version": 2, "flaps": [{"prefix": "203.0.113.53/32", "departures": 1}]}'],
])("a file that %s is set aside and warned of", (_, text) => {
  writeFileSync(path, text);
  expect(open().read()).toEqual(nothing);
  expect(readFileSync(`${path}.bad`, "utf8")).toBe(text);
  expect(existsSync(path)).toBe(false);
  expect(warnings).toEqual([expect.stringMatching(/cannot be used \(.+\); it is kept as .*\.bad$/)]);
});

test("what can be neither read nor set aside is a warning", () => {
  const blocked = join(directory, "file", "state.json");
  writeFileSync(join(directory, "file"), "");
  expect(open(blocked).read()).toEqual(nothing);
  expect(warnings).toEqual([expect.stringContaining("nor set aside")]);
});

test("a disk that takes nothing is warned of once, and written to when it does again", () => {
  writeFileSync(join(directory, "file"), "");
  const blocked = join(directory, "file", "state.json");
  const file = open(blocked);
  file.write(state);
  file.write(nothing);
  expect(warnings).toEqual([expect.stringContaining("cannot be written")]);
  rmSync(join(directory, "file"));
  mkdirSync(join(directory, "file"));
  file.write(state);
  expect(open(blocked).read()).toEqual(state);
});

test("nothing is written where nothing changed", () => {
  const file = open();
  file.write(state);
  rmSync(path);
  file.write(state);
  expect(existsSync(path)).toBe(false);
});

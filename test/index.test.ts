// The library's face: which names there are, and that each says what it is. What is added or goes is a decision, not an accident.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import * as face from "../src/index.js";

const values = `
  AddressDriver AnyprobeError BirdDriver Check ConfigError Damping Engine EngineError ExecDriver Frr6Driver
  Frr6LinkState FrrDriver FrrLinkState Guard IfupdownDriver LatencyHistogram LatencyTable LoadError NetlinkWatch
  NoneDriver Objective Reconciler RouteError addressOf announcements answered bench cacheHit cacheMiss codes
  combine cycle flag formatPath formatTarget judge openQueryFile outcomes parsePrefix prefixOf probe rungCosts
  sweep udpPayload wantedOf watch watchPaths
`;
const types = `
  Action AddressEvent AddressOptions Admission Announcement Announcer Announcers Answer Asked BenchOptions
  BirdOptions BirdWay BoundFigures Bucket BurnFigures Change CheckRecord CheckRules CheckState Command
  CounterName Counters Counts DampingRecord DampingRules Decision DnsQuery Driver DriverEvent EngineOptions
  ErrorCode Evidence ExecOptions Exit Expectation Explanation Family Fault FileOptions Finding
  Frr6LinkStateOptions Frr6Options FrrLinkStateOptions FrrOptions Goal Head IfupdownOptions IncludeOptions
  LaneResult Latency LatencySummary LinkEvent LinkState LoadRecord LocalRouteEvent ManualOrder MetricsOptions
  Miss Mode Moment NetlinkEvent NetlinkEvents NetlinkListener ObjectiveReport ObjectiveRules Observation Offer
  OtherOutcome Outcome OverrunEvent PathEvent PathName PathState PathSummary PathWatch Plan Prefix PrefixStatus
  Probe ProbeOptions ProbeResult ProgressRecord Query QueryForm QuerySource Question ReconcilerOptions Require
  ResultBatch ResultRecord RouteEvent Run Rung Sample Schedule Sight SiteShare SiteSource SocketEvent Span
  StartRecord SweepOptions SweepSummary TallyRules Target TargetState TargetSummary Transition TrialRecord
  UdpQuery Verdict Want Watch WatchEvent WatchOptions WatchTotals WireQuery Work
`;

const words = (text: string) => text.trim().split(/\s+/);

const path = fileURLToPath(new URL("../src/index.ts", import.meta.url));
const program = ts.createProgram([path], {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  strict: true,
  types: ["node"],
});
const checker = program.getTypeChecker();
const exported = checker
  .getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(path)!)!)
  .map((symbol) => ({
    name: symbol.name,
    symbol: symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
  }));
const docOf = (symbol: ts.Symbol) => ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim();
const isPublic = (symbol: ts.Symbol) =>
  !symbol.name.startsWith("#") &&
  !(symbol.declarations ?? []).some((one) => ts.getCombinedModifierFlags(one) & ts.ModifierFlags.Private);

/** methodsOf gives what can be called on instances of an exported class. */
function methodsOf({
  name,
  symbol,
}: (typeof exported)[number]): { readonly name: string; readonly symbol: ts.Symbol }[] {
  if (!(symbol.flags & ts.SymbolFlags.Class)) return [];
  return [...(symbol.members?.values() ?? [])]
    .filter((member) => member.flags & ts.SymbolFlags.Method && isPublic(member))
    .map((member) => ({ name: `${name}.${member.name}`, symbol: member }));
}

describe("docs/library.md", () => {
  test("imports only what there is, in every program", () => {
    const text = readFileSync(new URL("../docs/library.md", import.meta.url), "utf8");
    const imported = [...text.matchAll(/import \{ ([^}]*) \} from "anyprobe"/g)].flatMap(([, names]) =>
      names!.split(", "),
    );
    expect(imported.length).toBeGreaterThan(0);
    expect(imported.filter((name) => !(name in face))).toEqual([]);
  });
});

describe("the library's face", () => {
  test("has these values, and no other", () => {
    expect(Object.keys(face).sort()).toEqual(words(values));
  });

  test("has these types beside them, and no other", () => {
    const names = exported.map(({ name }) => name).filter((name) => !(name in face));
    expect(names.sort()).toEqual(words(types));
  });

  test("says of every name what it is", () => {
    expect(exported.filter(({ symbol }) => docOf(symbol).length < 20).map(({ name }) => name)).toEqual([]);
  });

  test("says of every method what it does", () => {
    const silent = exported.flatMap(methodsOf).filter(({ symbol }) => docOf(symbol) === "");
    expect(silent.map(({ name }) => name)).toEqual([]);
  });
});

// The way of a packet through nftables' input chains, from `nft -j list ruleset`. What cannot be known is taken for harmless: only a
// packet that is dropped whatever else it is counts as dropped.
import { holds, type Match, type NamedSet, type Packet } from "./nft-match.js";

interface Chain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly type?: string;
  readonly policy?: string;
}

interface Rule {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly handle: number;
  readonly expr: readonly Readonly<Record<string, unknown>>[];
}

interface NftSet {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly elem?: readonly unknown[];
}

/** Ruleset is the JSON of `nft -j list ruleset`. */
export interface Ruleset {
  readonly nftables: readonly { readonly chain?: Chain; readonly rule?: Rule; readonly set?: NftSet }[];
}

/** `ct state vmap { established : accept, invalid : drop }`; a map with a name is `@name`. */
interface VerdictMap {
  readonly key: unknown;
  readonly data: string | { readonly set: readonly (readonly [unknown, Readonly<Record<string, unknown>>])[] };
}

/** What becomes of a packet: "perhaps" where it may be let in. */
type Fate =
  | { readonly kind: "perhaps" }
  | { readonly kind: "accepted" }
  | { readonly kind: "dropped"; readonly by: string };
/** "on": to the next rule; "left": back to behind the jump that led into this chain. */
type Step = Fate | { readonly kind: "on" } | { readonly kind: "left" };

const perhaps = { kind: "perhaps" } as const;
const on = { kind: "on" } as const;

/** dropperOf names what certainly drops a packet on its way in: `rule 7 of inet filter input`; undefined where nothing does. */
export function dropperOf({ nftables }: Ruleset, packet: Packet): string | undefined {
  const families = ["inet", packet.family === 4 ? "ip" : "ip6"];
  const chains = nftables.flatMap(({ chain }) => (chain ? [chain] : []));
  // Every base chain has its say: one that drops is enough.
  for (const chain of chains.filter(({ hook, family }) => hook === "input" && families.includes(family))) {
    const fate = walk(nftables, chain, packet, []);
    if (fate.kind === "dropped") return fate.by;
    if (fate.kind === "on" && chain.policy === "drop") return `the policy of ${nameOf(chain)}`;
  }
  return undefined;
}

function nameOf({ family, table, name }: Omit<Chain, "policy">): string {
  return `${family} ${table} ${name}`;
}

function walk(nftables: Ruleset["nftables"], chain: Chain, packet: Packet, path: readonly string[]): Fate | typeof on {
  if (path.includes(chain.name)) return perhaps;
  const there = <T extends { family: string; table: string }>(one: T | undefined): one is T =>
    one?.family === chain.family && one.table === chain.table;
  const sets: NamedSet = (name) => nftables.map(({ set }) => set).find((set) => there(set) && set.name === name)?.elem;
  for (const { rule } of nftables) {
    if (!there(rule) || rule.chain !== chain.name) continue;
    const step = follow(rule.handle, rule.expr);
    if (step.kind === "left") return on;
    if (step.kind !== "on") return step;
  }
  return on;

  function follow(handle: number, expr: Rule["expr"]): Step {
    let sure = true;
    for (const statement of expr) {
      const [[kind, value] = ["", null]] = Object.entries(statement);
      switch (kind) {
        case "match": {
          const answer = holds(value as Match, packet, sets);
          if (answer === false) return on;
          sure &&= answer === true;
          break;
        }
        case "accept":
          return sure ? { kind: "accepted" } : perhaps;
        case "drop":
        case "reject":
          // Where it may apply or not, the packet's fate is at best that of the rules behind it.
          return sure ? { kind: "dropped", by: `rule ${handle} of ${nameOf(chain)}` } : on;
        case "return":
          return sure ? { kind: "left" } : perhaps;
        case "jump":
        case "goto": {
          const { target } = value as { target: string };
          const next = nftables.map((one) => one.chain).find((one) => there(one) && one.name === target);
          if (!next || !sure) return perhaps;
          const step = walk(nftables, next, packet, [...path, chain.name]);
          return step.kind === "on" && kind === "goto" ? { kind: "left" } : step;
        }
        case "vmap": {
          const step = followMap(handle, value as VerdictMap, sure);
          if (step.kind !== "on") return step;
          break;
        }
        case "counter":
        case "log":
        case "comment":
        case "mangle":
          break;
        default:
          // A limit, a match of iptables, whatever is new: it may end the rule here, or not.
          sure = false;
      }
    }
    return on;
  }

  function followMap(handle: number, { key, data }: VerdictMap, sure: boolean): Step {
    const elements = sure && typeof data === "object" ? data.set : undefined;
    if (!elements) return perhaps;
    for (const [right, verdict] of elements) {
      const step = follow(handle, [{ match: { op: "==", left: key, right } }, verdict]);
      if (step.kind !== "on") return step;
    }
    return on;
  }
}

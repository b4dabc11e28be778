// BIND's settings, by `named-checkconf -p`: views, zones, address match lists.
import type { Context } from "./host.js";
import { admits, all, first, readStatements, type Statement } from "./server-bind-text.js";
import { optionOf, type Server } from "./server-process.js";
import { ask, type Limit, type Settings, type Source, within } from "./server-settings.js";

const sourceKinds = ["query-source", "transfer-source", "notify-source", "parental-source"].flatMap((kind) => [
  kind,
  `${kind}-v6`,
]);

/** Types of zone that have answers of their own. */
const authoritative = ["primary", "master", "secondary", "slave", "mirror", "redirect"];

/** readBind reads the settings of a running BIND. Throws Unreadable. */
export async function readBind(server: Server, context: Context): Promise<Settings> {
  const root = optionOf(server.command, "-t", "--");
  const jail = root === undefined ? [] : ["-t", root];
  const statements = readStatements(await ask(context, server, ["named-checkconf", "-p", ...jail, server.file]));
  return settingsOf(statements);
}

/** settingsOf reads a configuration as `named-checkconf -p` writes it. */
export function settingsOf(statements: readonly Statement[]): Settings {
  const options = all(statements, "options").flatMap(({ block }) => block ?? []);
  const lists = new Map(all(statements, "acl").map(({ words, block }) => [words[1]!, block ?? []]));
  const views = all(statements, "view").map(({ block }) => block ?? []);
  const scopesFor = (source: string, name: string | undefined) =>
    scopesOf(statements, options, views, lists, source, name);
  const scan = all(options, "automatic-interface-scan")[0]?.words[1];
  return {
    sources: sourcesIn(statements, ""),
    limits: (source, name) => limitsOf(scopesFor(source, name), lists, source),
    refuses: (source, name) => refusalOf(scopesFor(source, name), lists, source),
    admit: (source) =>
      `allow-query { …; ${source}; };, and for a resolver allow-recursion and allow-query-cache likewise`,
    ...((scan === undefined || ["yes", "true", "1"].includes(scan)) && {
      closes: {
        message:
          "BIND closes its socket when the address goes (`automatic-interface-scan`, on by default), anchor or not: then nothing " +
          "answers behind the anchor, and the prefix never comes back by itself",
        fix:
          "in the config: recovery: alias, with a unicast address that BIND listens on too; or in options of named.conf: " +
          "automatic-interface-scan no; interface-interval 0;",
      },
    }),
  };
}

interface Scopes {
  /** The blocks from the inside out in which a setting is looked for. */
  readonly scopes: readonly (readonly Statement[])[];
  /** The name is in a zone of this server's own. */
  readonly own: boolean;
  readonly hidden: boolean;
}

/** Where a client's query for a name would be looked up: the first view that takes the client, the innermost zone. */
function scopesOf(
  statements: readonly Statement[],
  options: readonly Statement[],
  views: readonly (readonly Statement[])[],
  lists: ReadonlyMap<string, readonly Statement[]>,
  source: string,
  name: string | undefined,
): Scopes {
  const view = views.find((one) => {
    const clients = first([one], "match-clients");
    return clients === undefined || admits(clients, lists, source);
  });
  const zones = all(view ?? statements, "zone").filter(
    ({ words, block }) => name !== undefined && within(name, words[1]!) && isAuthoritative(block ?? []),
  );
  const [zone] = zones.toSorted((a, b) => b.words[1]!.length - a.words[1]!.length);
  const scopes = [zone?.block, view, options].filter((scope) => scope !== undefined);
  return { scopes, own: zone !== undefined, hidden: views.length > 0 && view === undefined };
}

function isAuthoritative(zone: readonly Statement[]): boolean {
  return all(zone, "type").some(({ words }) => authoritative.includes(words[1]!));
}

function refusalOf(
  { scopes, own, hidden }: Scopes,
  lists: ReadonlyMap<string, readonly Statement[]>,
  source: string,
): string | undefined {
  if (hidden) return "match-clients of all views";
  // A resolver asks both lists; one that is missing takes the other's place, and by default this host itself is admitted.
  const kinds = own
    ? [["allow-query"]]
    : [["allow-query-cache", "allow-recursion", "allow-query"], ["allow-recursion"]];
  for (const alternatives of kinds) {
    const kind = alternatives.find((one) => first(scopes, one) !== undefined);
    if (kind !== undefined && !admits(first(scopes, kind)!, lists, source)) return kind;
  }
  return undefined;
}

function limitsOf({ scopes }: Scopes, lists: ReadonlyMap<string, readonly Statement[]>, source: string): Limit[] {
  const block = first(scopes, "rate-limit");
  if (block === undefined || all(block, "log-only")[0]?.words[1] === "yes") return [];
  const exempt = first([block], "exempt-clients");
  if (exempt && admits(exempt, lists, source)) return [];
  return ["responses-per-second", "all-per-second"].flatMap((kind) =>
    all(block, kind)
      .map(({ words }) => Number(words[1]))
      .filter((perSecond) => perSecond > 0)
      .map((perSecond) => ({
        setting: `rate-limit { ${kind} ${perSecond}; }`,
        perSecond,
        misses: false,
        fix: `in rate-limit: exempt-clients { ${source}; };`,
      })),
  );
}

/** `query-source ADDRESS …` or `query-source address ADDRESS …`, at any depth. */
function sourcesIn(statements: readonly Statement[], where: string): Source[] {
  return statements.flatMap(({ words, block }) => {
    const [kind = "", ...rest] = words;
    const address = rest[0] === "address" ? rest[1] : rest[0];
    if (sourceKinds.includes(kind) && address !== undefined) {
      return [{ setting: `${kind} ${address}${where}`, address }];
    }
    const inside = ["view", "zone", "server"].includes(kind) ? ` in ${kind} ${rest[0]}` : where;
    return block ? sourcesIn(block, inside) : [];
  });
}

// NSD's settings, by `nsd-checkconf -v`: what it writes has patterns in place in their zones.
import type { Context } from "./host.js";
import type { Server } from "./server-process.js";
import { ask, covers, type Settings, within } from "./server-settings.js";

/** Section is `server:`, a zone or a pattern. */
interface Section {
  readonly kind: string;
  readonly lines: readonly (readonly [key: string, value: string])[];
}

/** readNsd reads the settings of a running NSD. Throws Unreadable. */
export async function readNsd(server: Server, context: Context): Promise<Settings> {
  return settingsOf(readSections(await ask(context, server, ["nsd-checkconf", "-v", server.file])));
}

/** Some releases write `allow_query` for `allow-query`. */
function readSections(text: string): Section[] {
  const sections: { kind: string; lines: [string, string][] }[] = [];
  for (const line of text.split("\n")) {
    const [, indent = "", key = "", value = ""] = /^(\s*)([a-z0-9_-]+):\s*(.*)$/.exec(line) ?? [];
    if (key === "") continue;
    if (indent === "") sections.push({ kind: key, lines: [] });
    else sections.at(-1)?.lines.push([key.replaceAll("_", "-"), value.replaceAll('"', "").trim()]);
  }
  return sections;
}

function settingsOf(sections: readonly Section[]): Settings {
  const values = (section: Section | undefined, key: string) =>
    (section?.lines ?? []).flatMap(([name, value]) => (name === key ? [value] : []));
  const server = sections.find(({ kind }) => kind === "server");
  const zones = sections.filter(({ kind }) => kind === "zone" || kind === "pattern");
  const zoneOf = (name: string | undefined) =>
    sections
      .filter((one) => one.kind === "zone" && name !== undefined && within(name, values(one, "name")[0] ?? "-"))
      .toSorted((a, b) => values(b, "name")[0]!.length - values(a, "name")[0]!.length)[0];
  const on = (key: string) => values(server, key)[0] === "yes";
  const perSecond = Number(values(server, "rrl-ratelimit")[0] ?? 0);
  const sources = zones.flatMap((one) =>
    values(one, "outgoing-interface").map((address) => ({
      setting: `outgoing-interface: ${address} in ${one.kind} ${values(one, "name")[0] ?? ""}`,
      address: address.split("@")[0]!,
    })),
  );
  return {
    sources,
    limits: () =>
      perSecond > 0
        ? [
            {
              setting: `rrl-ratelimit: ${perSecond}`,
              perSecond,
              misses: false,
              fix: "rrl-ratelimit above what the probes ask",
            },
          ]
        : [],
    refuses: (source, name) => {
      const rules = values(zoneOf(name), "allow-query").map((rule) => rule.split(/\s+/));
      const [network = "", key] = rules.find(([network = ""]) => covers(network, source)) ?? [];
      if (rules.length === 0 || key === "NOKEY") return undefined;
      return key === "BLOCKED" ? `allow-query: ${network} BLOCKED` : "allow-query, in which no entry admits it";
    },
    admit: (source) => `in the zone: allow-query: ${source} NOKEY`,
    wildcardFault: "NSD listens on the wildcard and does not look where a query came to",
    ...(!on("ip-freebind") && !on("ip-transparent") && { restartFault: "ip-freebind: yes" }),
  };
}

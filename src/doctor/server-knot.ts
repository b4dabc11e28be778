// Knot's settings, by `knotc conf-export`, which writes the configuration of a file or of a database as YAML.
import { parse } from "yaml";
import type { Context } from "./host.js";
import { optionOf, type Server } from "./server-process.js";
import { ask, covers, type Settings, Unreadable, within } from "./server-settings.js";

type Item = Readonly<Record<string, unknown>>;

/** readKnot reads the settings of a running Knot. Throws Unreadable. */
export async function readKnot(server: Server, context: Context): Promise<Settings> {
  const option = optionOf(server.command, "-C", "--confdb") === undefined ? "-c" : "-C";
  const text = await ask(context, server, ["knotc", option, server.file, "conf-export"]);
  try {
    return settingsOf((parse(text) ?? {}) as Item);
  } catch (error) {
    throw new Unreadable(`expected YAML of \`knotc conf-export\`: ${(error as Error).message}`);
  }
}

function settingsOf(config: Item): Settings {
  const items = (section: string) => list(config[section]) as readonly Item[];
  const byId = (section: string, id: unknown) => items(section).find((item) => item["id"] === id);
  /** The zone of a name with the template that it rests on. */
  const zoneOf = (name: string | undefined): readonly (Item | undefined)[] => {
    const [zone] = items("zone")
      .filter((one) => name !== undefined && within(name, String(one["domain"])))
      .toSorted((a, b) => String(b["domain"]).length - String(a["domain"]).length);
    return [zone, byId("template", zone?.["template"] ?? "default")];
  };
  /** The modules of one kind that look at a query for a name: those of its zone, and global ones. */
  const modulesOf = (kind: string, name: string | undefined): readonly Item[] => {
    const [zone, template] = zoneOf(name);
    const named = [
      ...list(zone?.["module"] ?? template?.["module"]),
      ...list(byId("template", "default")?.["global-module"]),
    ].map(String);
    return named.flatMap((module) => {
      const [section = "", id] = module.split("/");
      return section === kind ? [byId(kind, id) ?? []].flat() : [];
    });
  };
  const has = (networks: unknown, source: string) => list(networks).some((network) => covers(String(network), source));
  return {
    sources: items("remote").flatMap((remote) =>
      list(remote["via"]).map((via) => ({
        setting: `via: ${via} in remote ${remote["id"]}`,
        address: String(via).split("@")[0]!,
      })),
    ),
    limits: (source, name) =>
      modulesOf("mod-rrl", name).flatMap((module) => {
        const perSecond = Number(module["rate-limit"] ?? 0);
        if (!(perSecond > 0) || has(module["whitelist"], source)) return [];
        const setting = `rate-limit: ${perSecond} in mod-rrl ${module["id"]}`;
        return [{ setting, perSecond, misses: false, fix: `in mod-rrl ${module["id"]}: whitelist: [ ${source} ]` }];
      }),
    refuses: (source, name) => {
      const closed = modulesOf("mod-queryacl", name).find(
        ({ address }) => list(address).length > 0 && !has(address, source),
      );
      return closed && `address in mod-queryacl ${closed["id"]}`;
    },
    admit: (source) => `in mod-queryacl: address: ${source}`,
  };
}

/** A value that stands alone is a list of one. */
function list(value: unknown): readonly unknown[] {
  return value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
}

// A systemd unit with its drop-ins, as far as is asked here: who runs it, and settings that are lists of words.
import type { Context } from "./host.js";

export interface Unit {
  readonly file: string;
  /** Who it runs as: `root`, a name, or the unit's own name where systemd makes the user up (DynamicUser=). */
  readonly user: string;
  /** The words of a setting of [Service]; lines add up, and an empty one starts anew. */
  readonly words: (setting: string) => readonly string[];
}

/** systemd's own order: what an administrator writes hides what a package brings. */
const roots = [
  "/etc/systemd/system",
  "/run/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
];

/** readUnit gives a unit of this host; undefined where there is none. */
export function readUnit({ read, list }: Pick<Context, "read" | "list">, name: string): Unit | undefined {
  const file = roots.map((root) => `${root}/${name}`).find((path) => read(path) !== undefined);
  if (file === undefined) return undefined;
  // A drop-in of one name hides those of the same name further down; all are then read in the order of their names.
  const parts = new Map<string, string>();
  for (const root of roots.toReversed()) {
    for (const part of list(`${root}/${name}.d`))
      if (part.endsWith(".conf")) parts.set(part, `${root}/${name}.d/${part}`);
  }
  const dropIns = [...parts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path);
  const settings = [file, ...dropIns].flatMap((path) => serviceSettings(read(path) ?? ""));
  const words = (setting: string) => {
    let found: string[] = [];
    for (const [key, value] of settings)
      if (key === setting) found = value === "" ? [] : [...found, ...value.split(/\s+/)];
    return found;
  };
  const last = (setting: string) => words(setting).at(-1);
  const dynamic = /^(yes|true|on|1)$/i.test(last("DynamicUser") ?? "");
  const user = last("User") ?? (dynamic ? name.replace(/\.service$/, "") : "root");
  return { file, user: user === "0" ? "root" : user, words };
}

function serviceSettings(text: string): (readonly [string, string])[] {
  let section = "";
  return text
    .replaceAll(/\\\n/g, " ")
    .split("\n")
    .flatMap((line) => {
      section = /^\[(.*)\]/.exec(line)?.[1] ?? section;
      const [, key, value = ""] = /^\s*([A-Za-z]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
      return section === "Service" && key !== undefined ? [[key, value] as const] : [];
    });
}

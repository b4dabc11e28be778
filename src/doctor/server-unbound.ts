// unbound's settings, by `unbound-checkconf -o`, one for each key.
import type { Context } from "./host.js";
import type { Server } from "./server-process.js";
import { ask, covers, type Limit, type Settings } from "./server-settings.js";

const keys = [
  "outgoing-interface",
  "interface-automatic",
  "ip-freebind",
  "ip-transparent",
  "ratelimit",
  "ip-ratelimit",
  "access-control",
] as const;
type Key = (typeof keys)[number];

/** Whom unbound admits unless told otherwise: by far not the unicast addresses of its own host. */
const byDefault = ["127.0.0.0/8 allow", "::1 allow", "::ffff:127.0.0.1 allow", "0.0.0.0/0 refuse", "::/0 refuse"];

/** readUnbound reads the settings of a running unbound. Throws Unreadable. */
export async function readUnbound(server: Server, context: Context): Promise<Settings> {
  const texts = await Promise.all(
    keys.map((key) => ask(context, server, ["unbound-checkconf", "-o", key, server.file])),
  );
  return settingsOf((key) => texts[keys.indexOf(key)]!.split("\n").filter(Boolean));
}

function settingsOf(lines: (key: Key) => readonly string[]): Settings {
  const on = (key: Key) => lines(key)[0] === "yes";
  const free = on("ip-freebind") || on("ip-transparent");
  return {
    sources: lines("outgoing-interface").map((address) => ({ setting: `outgoing-interface: ${address}`, address })),
    limits: () => [
      ...limit(lines, "ip-ratelimit", false, "ip-ratelimit: 0, or above what the probes ask"),
      ...limit(lines, "ratelimit", true, "ratelimit: 0, or above what the probes ask"),
    ],
    refuses: (source) => {
      const [network, action = ""] = mostExact([...byDefault, ...lines("access-control")], source);
      return /^(deny|refuse)$/.test(action) ? `access-control: ${network} ${action}` : undefined;
    },
    admit: (source) => `access-control: ${source} allow`,
    ...(!on("interface-automatic") && {
      wildcardFault: "unbound listens on the wildcard with interface-automatic: no",
    }),
    ...(!free && { restartFault: "ip-freebind: yes" }),
  };
}

function limit(lines: (key: Key) => readonly string[], key: Key, misses: boolean, fix: string): Limit[] {
  const perSecond = Number(lines(key)[0] ?? 0);
  return perSecond > 0 ? [{ setting: `${key}: ${perSecond}`, perSecond, misses, fix }] : [];
}

/** The longest network decides; of the same network the line that was read last. */
function mostExact(lines: readonly string[], source: string): readonly string[] {
  const length = ([network = ""]: readonly string[]) => Number(network.split("/")[1] ?? 128);
  const fit = lines.map((line) => line.split(/\s+/)).filter(([network = ""]) => covers(network, source));
  return fit.toSorted((a, b) => length(a) - length(b)).at(-1) ?? [];
}

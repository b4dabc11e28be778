// The rows of the matrix: what runs at the endpoint, and the route that the daemon's config has for a prefix.
import { execFileSync } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RoutedNode } from "../../src/demo/network.js";
import type { Family } from "../../src/probe/target.js";
import { familyOfPrefix, type Prefix } from "../../src/route/prefix.js";
import type { Bird } from "../support/bird.js";
import {
  type BirdFiles,
  directConfig,
  includeConfig,
  includedFile,
  type Prefixes,
  protocolConfig,
  protocolOf,
  sets,
} from "./drivers-bird.js";

/** Ground is where a kind is measured. */
export interface Ground {
  readonly e1: RoutedNode;
  /** All that the endpoint announces. */
  readonly prefixes: Prefixes;
  /** For the kind's own files. */
  readonly directory: string;
  /** Where the kind has one. */
  readonly bird?: Bird;
}

/** Kind is one row of the matrix. */
export interface Kind {
  /** Words that make the figures' names: `frr network`. */
  readonly name: string;
  /** How the endpoints' FRR announces. */
  readonly announce: "network" | "redistribute";
  /** Where BIRD takes the place of the endpoint's FRR. */
  readonly bird?: BirdFiles;
  /** One entry of the prefix's route, as the config file has it. */
  route(ground: Ground, prefix: Prefix): Readonly<Record<string, unknown>>;
  /** Makes its files ready; gives the command that the daemon runs by. */
  prepare?(ground: Ground): Promise<readonly string[]>;
  /** The families whose prefixes it can deprefer. */
  readonly rungs?: readonly Family[];
  /** The bar of the median of a withdrawal on IPv4 and tuned timers, ms. */
  readonly withdrawMs?: number;
}

const socketMs = 25;

/** kinds are all rows, those of one network together. */
export const kinds: readonly Kind[] = [
  {
    name: "frr network",
    announce: "network",
    route: ({ e1 }) => ({ frr: { sockets: e1.router.sockets } }),
    rungs: [4],
    withdrawMs: socketMs,
  },
  { name: "address under frr", announce: "network", route: addressRoute, withdrawMs: socketMs },
  {
    name: "ifupdown",
    announce: "network",
    route: ({ prefixes }, prefix) => ({ ifupdown: { interface: aliasOf(prefixes, prefix), recovery: "anchor" } }),
    prepare: prepareIfupdown,
    withdrawMs: 60,
  },
  {
    name: "exec",
    announce: "network",
    route: ({ directory }, prefix) => ({
      exec: {
        command: [join(directory, "move")],
        observe: [join(directory, "observe")],
        deprefer: familyOfPrefix(prefix) === 4,
      },
    }),
    prepare: prepareExec,
    rungs: [4],
  },
  {
    name: "frr redistribute",
    announce: "redistribute",
    route: ({ e1 }) => ({ frr: { sockets: e1.router.sockets } }),
    rungs: [4, 6],
    withdrawMs: socketMs,
  },
  {
    name: "bird include",
    announce: "redistribute",
    bird: (prefixes, directory) => ({
      "bird.conf": includeConfig(directory),
      [sets.ipv4.file]: includedFile("ipv4", prefixes.ipv4),
      [sets.ipv6.file]: includedFile("ipv6", prefixes.ipv6),
    }),
    route: ({ bird }) => ({ bird: { socket: bird!.socket, ipv4: setAt(bird!, "ipv4"), ipv6: setAt(bird!, "ipv6") } }),
    rungs: [4, 6],
    withdrawMs: socketMs,
  },
  {
    name: "bird protocol",
    announce: "redistribute",
    bird: (prefixes) => ({ "bird.conf": protocolConfig(prefixes) }),
    route: ({ bird }, prefix) => {
      const protocol = protocolOf(prefix);
      return { bird: { socket: bird!.socket, [`ipv${familyOfPrefix(prefix)}`]: { protocol } } };
    },
    withdrawMs: socketMs,
  },
  {
    name: "address under bird",
    announce: "redistribute",
    bird: (prefixes) => ({ "bird.conf": directConfig(prefixes) }),
    route: addressRoute,
    withdrawMs: socketMs,
  },
];

/** setAt is a family's set in BIRD's directory, as the config has it. */
export function setAt(bird: Bird, family: keyof typeof sets): Readonly<Record<string, string>> {
  const { file, ...set } = sets[family];
  return { file: bird.path(file), ...set };
}

/** A label is of IPv4 alone. */
function addressRoute(_: Ground, prefix: Prefix) {
  const label = familyOfPrefix(prefix) === 4 && { label: "lo:0" };
  return { address: { device: "lo", recovery: "anchor", ...label } };
}

/** aliasOf is the alias whose stanza has the prefix alone. */
function aliasOf({ ipv4, ipv6 }: Prefixes, prefix: string): string {
  return `lo:${[...ipv4, ...ipv6].indexOf(prefix)}`;
}

/** prepareIfupdown has ifupdown put the prefixes on lo; its files are those of the lab for the daemon and its children alone. */
export async function prepareIfupdown({
  directory,
  prefixes,
}: Pick<Ground, "directory" | "prefixes">): Promise<readonly string[]> {
  const all = [...prefixes.ipv4, ...prefixes.ipv6];
  const aliases = all.map((prefix) => aliasOf(prefixes, prefix));
  const stanzas = all.map((prefix, index) => {
    const [family, more] = prefix.includes(":") ? ["inet6", "    dad-attempts 0\n"] : ["inet", ""];
    return `auto ${aliases[index]}\niface ${aliases[index]} ${family} static\n    address ${prefix}\n${more}`;
  });
  const interfaces = join(directory, "interfaces");
  await writeFile(interfaces, stanzas.join("\n"));
  const script = [
    ...["mount -t tmpfs tmpfs /run", "mkdir /run/network", `mount --bind ${interfaces} /etc/network/interfaces`],
    ...all.map((prefix) => `ip address del ${prefix} dev lo`),
    ...[`ifup ${aliases.join(" ")} > /dev/null`, 'exec "$@"'],
  ];
  return ["sh", "-ec", script.join("\n"), "sh"];
}

/** Its program moves the address with `ip`, and changes its cost with vtysh. */
async function prepareExec({ directory, e1 }: Ground): Promise<readonly string[]> {
  const vtysh = `vtysh --vty_socket ${e1.router.sockets} -d ospfd`;
  await script(
    join(directory, "move"),
    `
cost() { ${vtysh} -c "configure terminal" -c "interface lo" -c "$1" > /dev/null; }
case "$ANYPROBE_FROM $ANYPROBE_TO" in
  *" withdrawn") ip address del "$ANYPROBE_PREFIX" dev lo ;;
  "withdrawn announced") ip address add "$ANYPROBE_PREFIX" dev lo ;;
  *" announced") cost "no ip ospf cost \${ANYPROBE_PREFIX%/*}" ;;
  *) cost "ip ospf cost $ANYPROBE_COST \${ANYPROBE_PREFIX%/*}" ;;
esac`,
  );
  await script(
    join(directory, "observe"),
    `
[ -n "$(ip address show dev lo to "$ANYPROBE_PREFIX")" ] || { echo withdrawn; exit; }
case "$(${vtysh} -c "show running-config")" in
  *"ip ospf cost 65535 \${ANYPROBE_PREFIX%/*}"*) echo dead ;;
  *) echo announced ;;
esac`,
  );
  return [];
}

async function script(path: string, text: string): Promise<void> {
  await writeFile(path, `#!/bin/sh -e${text}\n`);
  await chmod(path, 0o755);
}

/** ifupdownMissing says that this host has no ifupdown; undefined where it has. */
export function ifupdownMissing(): string | undefined {
  try {
    execFileSync("ifup", ["--version"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "ifupdown is not installed";
  }
}

// Who else sets the anycast addresses: what anyprobe takes away must not come back by another's hand.
import { addressOf, type Prefix } from "../route/prefix.js";
import { Vty } from "../route/vty.js";
import type { Finding } from "./finding.js";
import type { Context, Examination } from "./host.js";
import { readInterfaces, type Stanza } from "./interfaces.js";
import { moverOf } from "./mover.js";

export const examineOwners: Examination = {
  name: "owners of the addresses",
  examine: async (context) => {
    // Where no driver takes an address away, it may be anybody's.
    const moved = context.prefixes.filter((prefix) => moverOf(context, prefix));
    if (moved.length === 0) return [];
    const zebra = await inZebra(context, moved);
    const others = [...inNetworkd(context, moved), ...inNetplan(context, moved), ...zebra];
    const stanzas = readInterfaces(context);
    return [...others, ...atBoot(context, moved, stanzas), ...withoutStanza(context, moved, stanzas)];
  },
};

function owned(by: string, where: string, prefix: Prefix, restart: string): Finding {
  return {
    id: "address-owner",
    severity: "warning",
    subject: prefix,
    message: `expected anyprobe alone to set and delete it, found it at ${where}: ${by} sets it again ${restart}`,
    fix: "take it out there: anyprobe sets it when its checks pass",
  };
}

/** A line that has the address, in any prefix length, as a word of its own. */
function linesWith(text: string, prefix: Prefix): number[] {
  const words = (line: string) => line.replace(/#.*/, "").split(/[\s="',[\]]+/);
  const has = (word: string) => word.split("/")[0]?.toLowerCase() === addressOf(prefix);
  return text.split("\n").flatMap((line, i) => (words(line).some(has) ? [i + 1] : []));
}

const networkdRoots = ["/etc/systemd/network", "/run/systemd/network", "/usr/lib/systemd/network"];
/** Either is there where networkd runs now or will at boot. */
const networkdSigns = [
  "/run/systemd/netif/state",
  "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service",
];

function inNetworkd({ list, read }: Context, prefixes: readonly Prefix[]): Finding[] {
  if (!networkdSigns.some((path) => read(path) !== undefined)) return [];
  const files = networkdRoots.flatMap((root) =>
    list(root).flatMap((name) =>
      name.endsWith(".network")
        ? [`${root}/${name}`]
        : name.endsWith(".network.d")
          ? list(`${root}/${name}`).map((part) => `${root}/${name}/${part}`)
          : [],
    ),
  );
  return files.flatMap((file) => {
    const lines = (read(file) ?? "").split("\n").map((line) => (/^\s*Address\s*=/i.test(line) ? line : ""));
    return prefixes.flatMap((prefix) =>
      linesWith(lines.join("\n"), prefix).map((line) =>
        owned("systemd-networkd", `${file}:${line}`, prefix, "whenever it configures the device"),
      ),
    );
  });
}

function inNetplan({ list, read }: Context, prefixes: readonly Prefix[]): Finding[] {
  const files = ["/etc/netplan", "/run/netplan"].flatMap((root) => list(root).map((name) => `${root}/${name}`));
  return files.flatMap((file) =>
    prefixes.flatMap((prefix) =>
      linesWith(read(file) ?? "", prefix).map((line) =>
        owned("netplan", `${file}:${line}`, prefix, "at boot and at `netplan apply`"),
      ),
    ),
  );
}

async function inZebra(context: Context, prefixes: readonly Prefix[]): Promise<Finding[]> {
  const text = await zebraConfig(context);
  const found: Finding[] = [];
  let device = "";
  for (const line of text.split("\n")) {
    device = /^interface (\S+)/.exec(line)?.[1] ?? (line.startsWith(" ") ? device : "");
    const address = /^ ip(?:v6)? address (\S+)/.exec(line)?.[1];
    const prefix = prefixes.find((one) => addressOf(one) === address?.split("/")[0]);
    if (prefix) found.push(owned("zebra", `\`interface ${device}\` of its configuration`, prefix, "when it starts"));
  }
  return found;
}

/** As zebra runs it; where it does not run, as it will. */
async function zebraConfig({ services, read }: Context): Promise<string> {
  const sockets = services.flatMap(({ route, guard }) => [
    ...route.flatMap((entry) => ("sockets" in entry ? [entry.sockets] : [])),
    ...(guard?.router.kind === "frr" ? [guard.router.sockets] : []),
  ]);
  const vty = new Vty({ path: `${sockets[0] ?? "/run/frr"}/zebra.vty`, onDown: () => {}, onUp: () => {} });
  try {
    await vty.open();
    const [reply] = await vty.run(["show running-config"]);
    return reply!.text;
  } catch {
    return ["/etc/frr/frr.conf", "/etc/frr/zebra.conf", "/etc/quagga/zebra.conf"].map(read).join("\n");
  } finally {
    vty.close();
  }
}

/** Up before the daemon is: from boot on it is announced, whether its server answers or not. */
function atBoot(context: Context, prefixes: readonly Prefix[], stanzas: readonly Stanza[]): Finding[] {
  return prefixes.flatMap((prefix) => {
    const adopts = context.services.some((service) => service.initial === "adopt" && service.prefixes.includes(prefix));
    const stanza = stanzas.find(({ auto, addresses }) => auto && addresses.includes(addressOf(prefix)));
    if (!stanza || !adopts) return [];
    return [
      {
        id: "address-at-boot",
        severity: "note",
        subject: prefix,
        message: `found \`auto ${stanza.name}\` with it at ${stanza.file}:${stanza.line}: after a boot it is announced before a check has asked the server`,
        fix: `write \`initial: prove\` in its service, or take \`auto ${stanza.name}\` out`,
      } as const,
    ];
  });
}

/** ifupdown moves what the stanza of its alias has, and nothing else. */
function withoutStanza(context: Context, prefixes: readonly Prefix[], stanzas: readonly Stanza[]): Finding[] {
  return prefixes.flatMap((prefix) => {
    const alias = moverOf(context, prefix)?.alias;
    const has = ({ name, addresses }: Stanza) => name === alias && addresses.includes(addressOf(prefix));
    if (alias === undefined || stanzas.some(has)) return [];
    const elsewhere = stanzas.find(({ addresses }) => addresses.includes(addressOf(prefix)));
    const found = elsewhere ? `it in \`iface ${elsewhere.name}\` at ${elsewhere.file}:${elsewhere.line}` : "it in none";
    return [
      {
        id: "stanza-missing",
        severity: "error",
        subject: prefix,
        message: `expected it in \`iface ${alias}\` of /etc/network/interfaces, as the ifupdown driver moves that, found ${found}`,
        fix: `write there: iface ${alias} inet static / address ${prefix}`,
      } as const,
    ];
  });
}

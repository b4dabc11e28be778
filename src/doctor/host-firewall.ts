// Whether this host's own packet filter lets in what the service lives on: the clients' queries, and the probes with their answers.
import { familyOf } from "../probe/target.js";
import { pickSource } from "../run/source.js";
import type { Finding } from "./finding.js";
import type { Asked, Context, Examination } from "./host.js";
import type { Packet } from "./nft-match.js";
import { dropperOf, type Ruleset } from "./nft-walk.js";

export const examineFirewall: Examination = {
  name: "packet filter",
  examine: async (context) => {
    const { status, stdout } = await context.run(["nft", "-j", "list", "ruleset"]);
    // Without nft there are no rules of its; without privilege they cannot be read.
    if (status !== 0) return [];
    const ruleset = JSON.parse(stdout) as Ruleset;
    return context.asked.flatMap((asked) => dropped(context, ruleset, asked));
  },
};

function dropped(context: Context, ruleset: Ruleset, asked: Asked): Finding[] {
  const findings = new Map<string, string[]>();
  for (const [what, packet] of Object.entries(packetsOf(context, asked))) {
    const by = dropperOf(ruleset, packet);
    if (by !== undefined) findings.set(by, [...(findings.get(by) ?? []), what]);
  }
  const { prefix, address, port, transport } = asked;
  return [...findings].map(([by, what]) => ({
    id: "firewall-drop",
    severity: "error",
    subject: prefix,
    message: `expected ${transport} port ${port} of ${address} to be let in, found that ${by} drops ${what.join(", ")}`,
    fix: what.includes("the queries of clients")
      ? `nft insert rule ${chainOf(by)} ${address.includes(":") ? "ip6" : "ip"} daddr ${address} ${transport} dport ${port} accept`
      : `nft insert rule ${chainOf(by)} iif lo accept`,
  }));
}

/** The chain at the end of what dropperOf gives: `… of FAMILY TABLE CHAIN`. */
function chainOf(by: string): string {
  return by.slice(by.indexOf(" of ") + " of ".length);
}

function packetsOf(context: Context, { address, port, transport }: Asked): Record<string, Packet> {
  const family = familyOf(address);
  const common = { family, protocol: transport };
  const query = {
    ...common,
    destination: address,
    destinationPort: port,
    sourcePort: undefined,
    state: "new",
  } as const;
  const packets: Record<string, Packet> = {
    "the queries of clients": { ...query, device: undefined, source: undefined },
  };
  const source = sourceOf(context, family);
  if (source === undefined) return packets;
  return {
    ...packets,
    "the probes": { ...query, device: "lo", source },
    "their answers": {
      ...common,
      device: "lo",
      source: address,
      sourcePort: port,
      destination: source,
      destinationPort: undefined,
      state: "established",
    },
  };
}

/** The probes' source; undefined where there is none, which the examination of sources tells. */
function sourceOf(context: Context, family: 4 | 6): string | undefined {
  try {
    const choice = context.config?.source[`ipv${family}`] ?? "auto";
    return pickSource(family, choice, context.prefixes, context.addresses, context.links).address;
  } catch {
    return undefined;
  }
}

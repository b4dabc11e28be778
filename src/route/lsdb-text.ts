// The plain-text twin of lsdb.ts, for Quagga and old FRR releases that know no `json` behind these commands.
import { type External, maxAge, type Neighbor, type OwnLsas } from "./lsdb.js";
import { type Prefix, prefixOf } from "./prefix.js";

/** readRouterLsasText reads `show ip ospf database router self-originate`. */
export function readRouterLsasText(text: string): OwnLsas {
  const stubs = new Map<Prefix, number>();
  const lsas = lsaTexts(text);
  for (const lsa of lsas) {
    for (const link of lsa.split("Link connected to: ").slice(1)) {
      if (!link.startsWith("Stub Network") || field(link, "Network Mask") !== "255.255.255.255") continue;
      stubs.set(prefixOf(field(link, "Net")), Number(field(link, "TOS 0 Metric")));
    }
  }
  return { running: lsas.length > 0, stubs };
}

/** readExternalLsasText reads `show ip ospf database external self-originate`. */
export function readExternalLsasText(text: string): ReadonlyMap<string, External> {
  const externals = new Map<string, External>();
  for (const lsa of lsaTexts(text)) {
    // `203.0.113.53 (External Network Number)` and `/32`.
    const network = field(lsa, "Link State ID").split(" ")[0];
    const metricType = field(lsa, "Metric Type").startsWith("1") ? 1 : 2;
    externals.set(`${network}${field(lsa, "Network Mask")}`, { metric: Number(field(lsa, "Metric")), metricType });
  }
  return externals;
}

/**
 * readNeighborsText reads the table of `show ip ospf neighbor`. Its middle columns differ between releases (up time) and
 * may hold spaces; id, priority and state come first, and RXmtL, RqstL, DBsmL last, in all of them.
 */
export function readNeighborsText(text: string): readonly Neighbor[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*(\d+\.\d+\.\d+\.\d+)\s+\d+\s+(\S+)\s.*\s(\d+)\s+\d+\s+\d+\s*$/.exec(line);
    return match ? [{ id: match[1]!, full: match[2]!.startsWith("Full"), retransmit: Number(match[3]) }] : [];
  });
}

function lsaTexts(text: string): string[] {
  const lsas = text.split(/^\s*LS age: /m).slice(1);
  return lsas.filter((lsa) => Number.parseInt(lsa, 10) < maxAge);
}

function field(text: string, label: string): string {
  const match = new RegExp(`^\\s*(?:\\([^)]*\\) )?${label}: (.*)$`, "m").exec(text);
  return match?.[1]?.trim() ?? "";
}

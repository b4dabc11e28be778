// The plain-text twin of lsdb.ts, for Quagga and old FRR releases that know no `json` behind these commands, and the reader
// of what is asked for as plain text of all of them.

import type { Announcer } from "./link-state.js";
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

/** ExternalAnnouncers is who announces one prefix in AS-external LSAs, and the id of the router that tells it. */
export interface ExternalAnnouncers {
  readonly routerId: string;
  /** That router itself among them. */
  readonly announcers: readonly Announcer[];
}

/**
 * readExternalAnnouncers reads `show ip ospf database external ADDRESS` of a host prefix. Throws where the text is none of
 * that command's, as the sentence of an ospfd without OSPF.
 */
export function readExternalAnnouncers(text: string): ExternalAnnouncers {
  const routerId = /OSPF Router with ID \(([\d.]+)\)/.exec(text)?.[1];
  if (routerId === undefined) throw new Error(`expected "OSPF Router with ID (…)", got ${JSON.stringify(text.trim())}`);
  const announcers = lsaTexts(text)
    .filter((lsa) => field(lsa, "Network Mask") === "/32")
    .map((lsa): Announcer => {
      const metricType = field(lsa, "Metric Type").startsWith("1") ? 1 : 2;
      const metric = Number(field(lsa, "Metric"));
      return { routerId: field(lsa, "Advertising Router"), kind: "external", metric, metricType };
    });
  return { routerId, announcers };
}

/**
 * readDevices reads `show ip ospf interface`: on which device ospfd runs for each host address. FRR's JSON has but one
 * address of a device.
 */
export function readDevices(text: string): ReadonlyMap<Prefix, string> {
  const devices = new Map<Prefix, string>();
  let device = "";
  for (const line of text.split("\n")) {
    device = /^(\S+) is (?:up|down)/.exec(line)?.[1] ?? device;
    const address = /^\s+Internet Address ([\d.]+)\/32,/.exec(line)?.[1];
    if (address !== undefined) devices.set(prefixOf(address), device);
  }
  return devices;
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

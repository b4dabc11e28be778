// What `init` finds on a host: all that its config is written from.

import type { Context } from "../doctor/host.js";
import type { DnsQuery } from "../probe/query.js";
import { addressOf, familyOfPrefix, type Prefix } from "../route/prefix.js";
import { pickSource } from "../run/source.js";
import { firstAnswered } from "./question.js";
import { findRouter, type Router } from "./router.js";
import { candidatesFor, type Server, serverAt } from "./server.js";

/** FoundPrefix is an anycast prefix and what is there for it. */
export interface FoundPrefix {
  readonly prefix: Prefix;
  /** The device that has its address, with the label; undefined where none has. */
  readonly place: { readonly device: string; readonly label: string } | undefined;
  readonly server: Server | undefined;
  /** What its server answered just now; undefined where it answered nothing that was asked. */
  readonly question: DnsQuery | undefined;
}

export interface Found {
  readonly prefixes: readonly FoundPrefix[];
  readonly router: Router | undefined;
  /** Devices that are up and have a global address, loopbacks apart: where OSPF would run. */
  readonly uplinks: readonly string[];
}

const timeoutMs = 1000;

/** Wish is what whoever asks for a config knows better. */
export interface Wish {
  /** Asked instead of what would be tried. */
  readonly question: DnsQuery | undefined;
  /** A directory of vty sockets, or a control socket. */
  readonly router: string | undefined;
}

/** find reads the host and asks its servers, once each. */
export async function find(context: Context, { question, router }: Wish): Promise<Found> {
  const prefixes = await Promise.all(context.prefixes.map((prefix) => findPrefix(context, prefix, question)));
  return { prefixes, router: await findRouter(context.prefixes, router), uplinks: uplinksOf(context) };
}

async function findPrefix(context: Context, prefix: Prefix, given: DnsQuery | undefined): Promise<FoundPrefix> {
  const address = context.addresses.find((one) => one.address === addressOf(prefix));
  const place = address && { device: address.device, label: address.label };
  const server = serverAt(context, prefix);
  // Without the address here, somebody else would answer.
  const asked = place && server ? await ask(context, prefix, server, given) : undefined;
  return { prefix, place, server, question: asked ?? given };
}

async function ask(context: Context, prefix: Prefix, server: Server, given: DnsQuery | undefined) {
  const candidates = given ? [given] : await candidatesFor(context, server);
  const { addresses, links, prefixes } = context;
  const source = pickSource(familyOfPrefix(prefix), "auto", prefixes, addresses, links);
  return firstAnswered({ address: addressOf(prefix), port: server.port }, candidates, source.address, timeoutMs);
}

function uplinksOf({ addresses, links }: Context): string[] {
  const up = links.filter((link) => link.up && !link.loopback);
  const has = (name: string) => addresses.some((one) => one.device === name && one.scope === 0);
  return up.map(({ name }) => name).filter((name) => has(name));
}

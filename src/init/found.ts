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
  /** The question that was to be asked instead of what would be tried, answered or not. */
  readonly given: DnsQuery | undefined;
  /** This host's global addresses but those of the prefixes. */
  readonly otherAddresses: readonly string[];
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
  const { prefixes, addresses } = context;
  const found = await Promise.all(prefixes.map((prefix) => findPrefix(context, prefix, question)));
  const anycast = new Set(prefixes.map(addressOf));
  const others = addresses.filter(({ address, scope }) => scope === 0 && !anycast.has(address));
  return {
    prefixes: found,
    router: await findRouter(prefixes, router),
    given: question,
    otherAddresses: others.map(({ address }) => address),
  };
}

async function findPrefix(context: Context, prefix: Prefix, given: DnsQuery | undefined): Promise<FoundPrefix> {
  const address = context.addresses.find((one) => one.address === addressOf(prefix));
  const place = address && { device: address.device, label: address.label };
  const server = serverAt(context, prefix);
  // Without the address here, somebody else would answer.
  const asked = place && server ? await ask(context, prefix, server, given) : undefined;
  return { prefix, place, server, question: asked };
}

async function ask(context: Context, prefix: Prefix, server: Server, given: DnsQuery | undefined) {
  const candidates = given ? [given] : await candidatesFor(context, server);
  const { addresses, links, prefixes } = context;
  const source = pickSource(familyOfPrefix(prefix), "auto", prefixes, addresses, links);
  return firstAnswered({ address: addressOf(prefix), port: server.port }, candidates, source.address, timeoutMs);
}

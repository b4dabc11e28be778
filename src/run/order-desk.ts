// The order desk: what operators ask at the control socket, read, held against what there is, and passed on. Whatever it
// cannot do it refuses with what was expected.
import { AnyprobeError } from "../errors.js";
import { canonicalAddress } from "../probe/target.js";
import { addressOf, type Prefix } from "../route/prefix.js";
import { formatDuration, nsPerMs } from "../units.js";
import type { Caller, Verb } from "./control.js";
import type { OrderKind } from "./decision.js";
import type { Endpoint } from "./endpoint.js";
import type { Journal } from "./journal.js";
import type { Maintenance, Terms } from "./maintenance.js";
import { narrateOrder } from "./narrate.js";

/** Receipt is the answer to an order. */
export interface Receipt {
  readonly prefixes: readonly Prefix[];
  /** What happens now, for people. */
  readonly message: string;
}

/** A longer order is a config. ms */
const longestMs = 365 * 24 * 3600e3;

/** OrderDesk serves the endpoint that is in force. */
export class OrderDesk {
  readonly #endpoint: () => Endpoint;
  readonly #maintenance: Maintenance;
  readonly #journal: Journal;

  constructor(endpoint: () => Endpoint, maintenance: Maintenance, journal: Journal) {
    this.#endpoint = endpoint;
    this.#journal = journal;
    this.#maintenance = maintenance;
  }

  /** verbs are its part of the control socket's. */
  verbs(): Record<string, Verb> {
    return {
      drain: (args, caller) => this.#give("drain", args, caller),
      withdraw: (args, caller) => this.#give("withdraw", args, caller),
      announce: (args, caller) => this.#give("announce", args, caller),
      undrain: (args, caller) => this.#end(args, caller),
      hold: (args, caller) => this.#hold(args, caller),
      freeze: (args, caller) => this.#freeze(termsOf(args, caller)),
      unfreeze: (_, caller) => this.#unfreeze(whoIs(caller)),
    };
  }

  /** what reads a service, a prefix or an address. */
  what(what: unknown): { readonly service?: string; readonly prefixes: readonly Prefix[] } {
    const { services } = this.#endpoint().config;
    const service = services.find(({ name }) => name === what);
    if (service) return { service: service.name, prefixes: service.prefixes };
    // An order may be for a prefix that a reload has dropped since.
    const ordered = this.#maintenance.orders.map(({ prefix }) => prefix);
    const known = [...new Set([...services.flatMap(({ prefixes }) => prefixes), ...ordered])];
    const prefix = known.find((one) => one === what || addressOf(one) === addressIn(what));
    if (prefix) return { prefixes: [prefix] };
    const all = [...services.map(({ name }) => name), ...known].join(", ");
    throw refusal(`expected a service or a prefix of ${all}, got ${JSON.stringify(what)}`);
  }

  #give(kind: OrderKind, args: Readonly<Record<string, unknown>>, caller: Caller): Receipt {
    const { service, prefixes } = this.what(args["what"]);
    const terms = termsOf(args, caller);
    if (kind === "announce" && !terms.force) {
      throw refusal(
        "expected announce with --force: it announces whatever the checks find; `undrain` hands back to the checks",
      );
    }
    if (service !== undefined && kind !== "announce" && !terms.force) this.#refuseShared(kind, service, prefixes);
    this.#endpoint().letGo(prefixes);
    this.#maintenance.give(kind, prefixes, terms);
    this.#endpoint().heedOrders(prefixes, false);
    const span = terms.forMs === null ? "until undrain" : `for ${formatDuration(terms.forMs * nsPerMs)}`;
    return { prefixes, message: `${kind}: ${prefixes.join(", ")}, ${span}${this.#chill()}` };
  }

  /** Whoever drains one service of a shared prefix takes the others along, and should have meant to. */
  #refuseShared(kind: OrderKind, service: string, prefixes: readonly Prefix[]) {
    for (const prefix of prefixes) {
      const others = this.#endpoint()
        .config.services.filter((other) => other.name !== service && other.prefixes.includes(prefix))
        .map(({ name }) => name);
      if (others.length === 0) continue;
      throw refusal(
        `expected a service that has its prefixes alone: ${prefix} also serves ${others.join(", ")}; ` +
          `say \`${kind} ${prefix}\` where that is meant, or --force`,
      );
    }
  }

  #end(args: Readonly<Record<string, unknown>>, caller: Caller): Receipt {
    const { prefixes } = this.what(args["what"]);
    const by = whoIs(caller);
    const released = this.#endpoint().letGo(prefixes);
    if (released.length > 0) this.#tellHold(released, by, null, "ended");
    const ended = [...new Set([...this.#maintenance.end(prefixes, by), ...released])];
    if (ended.length === 0) throw refusal(`expected an order for ${prefixes.join(", ")}, there is none`);
    this.#endpoint().heedOrders(ended, true);
    return { prefixes: ended, message: `the checks decide again on ${ended.join(", ")}${this.#chill()}` };
  }

  #hold(args: Readonly<Record<string, unknown>>, caller: Caller): Receipt {
    const { prefixes } = this.what(args["what"]);
    const { reason } = termsOf(args, caller);
    for (const { prefix, observed } of this.#endpoint().routes()) {
      if (!prefixes.includes(prefix) || observed === "withdrawn") continue;
      throw refusal(`expected a prefix that is withdrawn, ${prefix} is ${observed}: say \`withdraw ${prefix}\``);
    }
    for (const prefix of prefixes) this.#endpoint().hold(prefix, whoIs(caller), reason ?? "");
    this.#tellHold(prefixes, whoIs(caller), reason, "given");
    return { prefixes, message: `${prefixes.join(", ")} stays withdrawn until it is put back by hand, or undrain` };
  }

  #freeze(terms: Terms): Receipt {
    this.#maintenance.freeze(terms);
    this.#endpoint().heedFreeze();
    const span = terms.forMs === null ? "until unfreeze" : `for ${formatDuration(terms.forMs * nsPerMs)}`;
    return { prefixes: [], message: `frozen ${span}: it probes and reports, and touches no route and no address` };
  }

  #unfreeze(by: string): Receipt {
    if (!this.#maintenance.unfreeze(by)) throw refusal("expected a daemon that is frozen, it is not");
    this.#endpoint().heedFreeze();
    return { prefixes: [], message: "not frozen any more" };
  }

  #tellHold(prefixes: readonly Prefix[], by: string, reason: string | null, action: "given" | "ended") {
    narrateOrder(this.#journal, { kind: "hold", prefixes, by, reason, forMs: null, action });
  }

  #chill(): string {
    return this.#maintenance.frozen ? "; nothing moves before `unfreeze`" : "";
  }
}

function termsOf(args: Readonly<Record<string, unknown>>, caller: Caller): Terms {
  const { for_ms: forMs = null, reason = null, force = false } = args;
  if (forMs !== null && !(typeof forMs === "number" && forMs > 0 && forMs <= longestMs))
    throw refusal(`for_ms: expected more than 0 and at most ${longestMs}, got ${JSON.stringify(forMs)}`);
  if (reason !== null && typeof reason !== "string")
    throw refusal(`reason: expected text, got ${JSON.stringify(reason)}`);
  if (typeof force !== "boolean") throw refusal(`force: expected true or false, got ${JSON.stringify(force)}`);
  return { by: whoIs(caller), reason, forMs, force };
}

function whoIs({ name, pid }: Caller): string {
  return `${name} (pid ${pid})`;
}

function addressIn(what: unknown): string | undefined {
  try {
    return canonicalAddress(String(what));
  } catch {
    return undefined;
  }
}

function refusal(message: string): AnyprobeError {
  return new AnyprobeError("ERR_RUN_ORDER", message);
}

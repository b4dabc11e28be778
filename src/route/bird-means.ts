// By what the bird driver moves the prefixes of one family: a file that BIRD includes (bird-include.ts), or a protocol that
// feeds the one that announces (bird-feed.ts).
import { RouteError } from "../errors.js";
import type { BirdSight } from "./bird-sight.js";
import type { BirdProtocol } from "./bird-state.js";
import type { Announcement, Change } from "./driver.js";
import type { Prefix } from "./prefix.js";

/** BirdMeans is one of them. */
export interface BirdMeans {
  /** For people: `ACAST_PS_ADVERTISE in /etc/bird.d/anycast-prefixes.conf`. */
  readonly way: string;
  /** Who it was that changed it, where it was not this driver. */
  readonly somebody: string;
  /** It outlives a restart of BIRD. */
  readonly lasts: boolean;
  /** It moves one prefix without the others. */
  readonly apart: boolean;
  /** What the state file says of a change in force. */
  readonly undo: Change["undo"];
  /** What else it wants asked of BIRD in each reading. */
  questions(protocols: readonly BirdProtocol[]): readonly string[];
  /** Looks at where it stands. Never rejects: what is wrong is what it says of each prefix from now on. */
  look(answers: readonly string[]): Promise<void>;
  /** Whether it lets a prefix out, as of the last look; undefined where that cannot be told. */
  lets(prefix: Prefix): boolean | undefined;
  /** Why BIRD does otherwise than it says. */
  remark(prefix: Prefix, sight: BirdSight): string | undefined;
  /** Why a prefix cannot be depreferred. */
  noRung(prefix: Prefix, sight: BirdSight): string | undefined;
  /** Why `prefix` cannot be moved so together with all of `prefixes`; `wanted` has what others were last told to be, if not announced. */
  refusal(
    prefix: Prefix,
    to: Announcement,
    sight: BirdSight,
    prefixes: readonly Prefix[],
    wanted: ReadonlyMap<Prefix, Announcement>,
  ): string | undefined;
  /** Moves all of `prefixes` in one change; `read` reads BIRD anew. Rejects with RouteError. */
  move(prefixes: readonly Prefix[], to: Announcement, read: () => Promise<BirdSight>): Promise<void>;
}

/** unsupported is the error of what cannot be done this way. */
export function unsupported(message: string, prefixes: readonly Prefix[], cause?: unknown): RouteError {
  return new RouteError("ERR_ROUTE_UNSUPPORTED", message, "bird", prefixes, { cause });
}

/** Why a prefix that an interface or a `stubnet` of OSPF announces cannot be moved by an export filter. */
export function stubRefusal(prefix: Prefix, { own }: BirdSight): string | undefined {
  return own.get(prefix)?.kind === "stub"
    ? `BIRD announces ${prefix} as a stub network, by an interface or a \`stubnet\` of its OSPF protocol, past any export ` +
        "filter: take that out of bird.conf and let `protocol direct` bring the prefix, or use the address driver"
    : undefined;
}

// How a prefix stands, put together from what its drivers read back. Pure.
import { type Announcement, announcements, isRung } from "./driver.js";
import type { Lane } from "./lane.js";
import type { Prefix } from "./prefix.js";

/** ManualOrder is an operator's removal of a prefix; it stands until the prefix appears again. */
export interface ManualOrder {
  readonly by: string;
  readonly atNs: number;
  /** Where it was given to this daemon: why. */
  readonly why?: string;
}

/** PrefixStatus is how one prefix stands. */
export interface PrefixStatus {
  readonly prefix: Prefix;
  /** "hold": nothing is wanted yet; it stays as it is. */
  readonly wanted: Announcement | "hold";
  readonly observed: Announcement | "unknown";
  /** The neighbours hold it so too, as far as the drivers can know. */
  readonly verified: boolean;
  /** Why it is unknown, not verified, or not as wanted. */
  readonly reason?: string;
  readonly manual?: ManualOrder;
  readonly drivers: readonly {
    readonly driver: string;
    readonly observed: Announcement | "unknown";
    readonly verified: boolean;
    readonly reason?: string;
    /** By what the driver moves it, and why so, where it has a choice. */
    readonly way?: string;
  }[];
}

type Lanes = readonly Lane[];

/** canDeprefer tells whether one of the lanes has rungs that it can use now. */
export function canDeprefer(prefix: Prefix, lanes: Lanes): boolean {
  return lanes.some((lane) => lane.targetOf(prefix, "dead") === "dead");
}

/** isAs tells whether a prefix stands as wanted, as far as its drivers have the rungs. */
export function isAs(prefix: Prefix, wanted: Announcement, observed: Announcement | "unknown", lanes: Lanes): boolean {
  if (observed === wanted) return true;
  if (!isRung(wanted)) return false;
  return lanes.every((lane) => lane.observation(prefix).announcement === lane.targetOf(prefix, wanted));
}

/** standing tells it: as the least preferring of the drivers has it, so withdrawn as soon as one of them says so. */
export function standing(prefix: Prefix, wanted: Announcement | "hold", lanes: Lanes): Omit<PrefixStatus, "manual"> {
  const drivers = lanes.map((lane) => {
    const { announcement: observed, verified, reason, way } = lane.observation(prefix);
    const words = { ...(reason !== undefined && { reason }), ...(way !== undefined && { way }) };
    return { driver: lane.driver.name, observed, verified, ...words };
  });
  const withdrawn = drivers.filter(({ observed }) => observed === "withdrawn");
  const deciding = withdrawn.find(({ verified }) => verified) ?? withdrawn[0];
  const unknown = drivers.find(({ observed }) => observed === "unknown");
  const unverified = drivers.find(({ verified }) => !verified);
  const depreferred = drivers.filter(({ observed }) => isRung(observed)).toSorted((a, b) => rankOf(b) - rankOf(a))[0];
  const doubted = depreferred && { ...depreferred, ...doubtOf(unverified) };
  const witness = deciding ?? unknown ?? doubted ?? unverified ?? drivers[0]!;
  // What a driver could not do is the reason only while it is still to be done.
  const failing = lanes.find(
    (lane) =>
      lane.errors.has(prefix) &&
      (wanted === "hold" || lane.observation(prefix).announcement !== lane.targetOf(prefix, wanted)),
  );
  const rungless = isRung(wanted) && !canDeprefer(prefix, lanes) ? noRung(prefix, lanes) : undefined;
  const reason = failing?.errors.get(prefix) ?? witness.reason ?? rungless;
  const { observed, verified } = witness;
  return { prefix, wanted, observed, verified, ...(reason !== undefined && { reason }), drivers };
}

function noRung(prefix: Prefix, lanes: Lanes): string {
  const reasons = lanes.flatMap((lane) => lane.observation(prefix).noRung ?? []);
  return reasons.length > 0
    ? reasons.join("; ")
    : `${lanes.map(({ driver }) => driver.name).join(", ")} cannot deprefer`;
}

function rankOf({ observed }: { readonly observed: Announcement | "unknown" }): number {
  return observed === "unknown" ? -1 : announcements.indexOf(observed);
}

function doubtOf(unverified: { readonly reason?: string } | undefined) {
  return unverified && { verified: false, ...(unverified.reason !== undefined && { reason: unverified.reason }) };
}

// What the reconciler tells of routes.
import type { Announcement, DriverEvent } from "./driver.js";
import type { LaneResult } from "./lane.js";
import type { Prefix } from "./prefix.js";

/** RouteEvent is something that the reconciler did or saw. */
export type RouteEvent =
  /** A driver was told to act; that it did not refuse proves nothing yet. */
  | ({ readonly kind: "acted" } & LaneResult)
  /** Observed and verified as wanted; `tookNs` since it was wanted or, if it was so before, since it was not any more. */
  | {
      readonly kind: "settled";
      readonly prefix: Prefix;
      readonly announcement: Announcement;
      readonly tookNs: number;
      /** What the drivers have to add, as that it is a dry run. */
      readonly reason?: string;
    }
  | { readonly kind: "manual"; readonly prefix: Prefix; readonly by: string }
  | { readonly kind: "manual-ended"; readonly prefix: Prefix; readonly by: string }
  /** It came back while wanted withdrawn: it is taken out again, unless the receiver releases it. */
  | { readonly kind: "appeared"; readonly prefix: Prefix; readonly by: string }
  /** A router went away or came back, or the kernel dropped a lease. */
  | {
      readonly kind: "noticed";
      readonly driver: string;
      readonly event: Exclude<DriverEvent, { prefix: Prefix; by: string }>;
    };

// What an endpoint stands on: all that outlives a reload.
import type { NetlinkWatch } from "../engine/netlink-watch.js";
import type { Family } from "../probe/target.js";
import type { BootClock } from "./boot-clock.js";
import type { Journal } from "./journal.js";
import type { Locality } from "./locality.js";
import type { Maintenance } from "./maintenance.js";
import type { OwnHealth } from "./own-health.js";
import type { Source } from "./source.js";
import type { State, StateFile } from "./state.js";

/** What an endpoint is built on and does not own. */
export interface Ground {
  readonly watch: NetlinkWatch;
  readonly locality: Locality;
  /** What the last daemon left. */
  readonly found: State;
  readonly state: StateFile;
  readonly maintenance: Maintenance;
  readonly clock: BootClock;
  readonly journal: Journal;
  readonly health: OwnHealth;
  /** Called when something worth telling the service manager changed. */
  readonly onChange: () => void;
}

/** FamilySource is the source of one family's probes. */
export interface FamilySource extends Source {
  readonly family: Family;
}

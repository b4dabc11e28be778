// The clock of drains: while any is under way it looks often whether its traffic has gone, and lets those go that have none left.
import type { Prefix } from "../route/prefix.js";
import type { Reconciler } from "../route/reconcile.js";
import type { Deciding } from "./deciding.js";
import type { Maintenance } from "./maintenance.js";
import type { Wants } from "./wants.js";

export interface DrainClockOptions {
  readonly maintenance: Maintenance;
  readonly wants: Wants;
  readonly reconciler: Reconciler;
  readonly deciding: Deciding;
  /** Called when drains have come to their end and their prefixes are to be withdrawn. */
  readonly onGone: () => void;
}

const tickMs = 200;

/** DrainClock runs while there are drains, until close(). */
export class DrainClock {
  readonly #options: DrainClockOptions;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: DrainClockOptions) {
    this.#options = options;
  }

  /** wind looks now, and again and again as long as there are drains. */
  wind(): void {
    clearTimeout(this.#timer);
    const { maintenance, deciding, onGone } = this.#options;
    if (this.#closed || !maintenance.draining) return;
    const gone = maintenance.follow((prefix) => this.#look(prefix));
    deciding.decide();
    if (gone.length > 0) onGone();
    this.#timer = setTimeout(() => this.wind(), tickMs);
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #look(prefix: Prefix) {
    const { wants, reconciler } = this.#options;
    const service = wants.servicesOf(prefix)[0];
    if (!service) return undefined;
    const { observed, verified } = reconciler.statusOf(prefix);
    const raised = verified && (observed === "drained" || observed === "dead");
    // What is away already has no traffic to lose.
    const canDeprefer = observed !== "withdrawn" && reconciler.canDeprefer(prefix);
    return { raised, canDeprefer, boundMs: service.drainMs };
  }
}

// What a page's timeline shows.

/** PageEvent is one thing that happened. */
export interface PageEvent {
  /** Rises from event to event. */
  readonly seq: number;
  /** Unix time. */
  readonly atMs: number;
  readonly level: "info" | "warn" | "error";
  readonly kind: string;
  /** The prefixes or targets that it concerns; none: all. */
  readonly subjects: readonly string[];
  readonly message: string;
  /** What a route or a site came to, which the plots mark. */
  readonly to?: string;
}

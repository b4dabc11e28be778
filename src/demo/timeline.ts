// The demo's timeline, and what must stand in it for the demo to have shown what it says it shows. Pure.

/** What each event is, as it is said of one that did not come. */
export const events = {
  ready: "the namespace to be ready",
  answering: "the answerer to answer",
  started: "the daemon to be started",
  probing: "the daemon to probe",
  passing: "a first probe to pass",
  up: "the check to be up",
  killed: "the answerer to be killed",
  told: "the kernel to tell that the answerer's socket is gone",
  down: "the check to be down",
  "address-gone": "the anycast address to be gone from lo",
  "route-gone": "the route to be gone from the neighbour's table",
  withdrawn: "the daemon to say that the withdrawal is verified",
  "stays-away": "it all to stay away while the answerer is dead",
  returned: "the answerer to answer again",
  recovering: "a first probe to pass again",
  stable: "the check to be up again",
  "address-back": "the anycast address to be back on lo, with its label",
  "route-back": "the route to be back in the neighbour's table",
  announced: "the daemon to say that the announcement is verified",
} as const;

export type EventName = keyof typeof events;

/** Step is one thing that happened and was seen. */
export interface Step {
  readonly event: EventName;
  /** Since the demo's start. */
  readonly atMs: number;
  /** In words. */
  readonly detail: string;
  /** Since what it follows from: the kill, the answerer's return, … */
  readonly tookMs?: number;
  /** The neighbour's kernel table at that moment. */
  readonly table?: string;
}

/** Rule says that an event must come exactly once, not before another, and at most so long after it. */
export interface Rule {
  readonly event: EventName;
  readonly after?: EventName;
}

/** No step may take longer than this after what it follows from: generous, for what takes ms. */
export const withinMs = 10_000;

export interface Plot {
  /** Whether the address itself is taken away and put back. */
  readonly address: boolean;
  /** Whether there is a neighbour whose route must go and come. */
  readonly route: boolean;
  /** Whether the kernel tells of ends of sockets here. */
  readonly told: boolean;
}

/** rulesOf gives what must have happened. */
export function rulesOf({ address, route, told }: Plot): Rule[] {
  const when = (condition: boolean, ...rules: Rule[]) => (condition ? rules : []);
  return [
    { event: "ready" },
    { event: "answering", after: "ready" },
    { event: "started", after: "answering" },
    { event: "probing", after: "started" },
    { event: "passing", after: "started" },
    { event: "up", after: "passing" },
    { event: "killed", after: "up" },
    ...when(told, { event: "told", after: "killed" }),
    { event: "down", after: "killed" },
    // The order tells that it went because of the decision, and not by itself.
    ...when(address, { event: "address-gone", after: "down" }),
    ...when(route, { event: "route-gone", after: "down" }),
    { event: "withdrawn", after: "down" },
    { event: "stays-away", after: "withdrawn" },
    { event: "returned", after: "stays-away" },
    { event: "recovering", after: "returned" },
    { event: "stable", after: "recovering" },
    ...when(address, { event: "address-back", after: "stable" }),
    ...when(route, { event: "route-back", after: "stable" }),
    { event: "announced", after: "stable" },
  ];
}

/** faultsOf compares what happened with what must have: `expected …, got …` for each difference, in the story's order. */
export function faultsOf(steps: readonly Step[], rules: readonly Rule[]): string[] {
  return rules.flatMap(({ event, after }) => {
    const found = steps.filter((step) => step.event === event);
    const before = steps.find((step) => step.event === after);
    const expected = `expected ${events[event]}`;
    if (found.length > 1) return `${expected} once, got it ${found.length} times`;
    const [step] = found;
    // What follows from something that did not happen is no fault of its own.
    if (!step) return after && !before ? [] : `${expected} within ${withinMs / 1000} s, got none`;
    if (!before) return [];
    const tookMs = step.atMs - before.atMs;
    if (tookMs < 0) return `${expected} after ${before.event}, got it ${(-tookMs).toFixed(1)} ms before`;
    return tookMs > withinMs
      ? `${expected} within ${withinMs / 1000} s of ${before.event}, got it ${tookMs.toFixed(0)} ms after`
      : [];
  });
}

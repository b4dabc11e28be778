// The words for what happened to one probe. What it means is a verdict, and is said elsewhere.

/** outcomes lists the words in the order of native `Outcome`; a test holds the two together. */
export const outcomes = [
  /** An answer matched: socket, peer, id and question. Its rcode may be any. */
  "answered",
  /** Nothing matched within the timeout. */
  "timeout",
  /** An ICMP error came back for it; errno says which (ECONNREFUSED: nobody listens at that port). */
  "unreachable",
  /** The target is no local address now, so only another node could have answered. */
  "not-local",
  /** The kernel refused to send it; errno says why. A fault of this host's prober, not of the service. */
  "send-failed",
  /** The prober itself stood still while it was in flight, so it proves nothing. */
  "voided",
  /** The run was cancelled while it was in flight. */
  "cancelled",
] as const;

/** Outcome is what happened to one probe: one of `outcomes`. */
export type Outcome = (typeof outcomes)[number];

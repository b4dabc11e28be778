// What the selftest found out: one value for each thing that it looked at, for people and for machines.

/** Proof is one thing that was looked at. */
export interface Proof {
  /** `doubtful`: it works, but less well than it could, or could not be tried. Only `failed` makes the selftest fail. */
  readonly state: "proven" | "doubtful" | "failed";
  readonly kind: ProofKind;
  /** What it is about: `203.0.113.53/32`, `IPv4`. */
  readonly subject: string;
  /** What is to be so: `dns health.example.com/A passes`. */
  readonly claim: string;
  /** What was seen. */
  readonly got: string;
  /** What should have been seen; null where it was. */
  readonly expected: string | null;
  /** What to do about it; null where there is nothing to do. */
  readonly advice: string | null;
}

export type ProofKind =
  | "source"
  | "mark-rule"
  | "unroutable"
  | "kept-in"
  | "passes"
  | "wrong-answer"
  | "refused-port"
  | "timeout"
  | "rate"
  | "driver"
  | "guard";

/** Claim is what a proof is to show. */
export type Claim = Pick<Proof, "kind" | "subject" | "claim">;

export function proven(claim: Claim, got: string): Proof {
  return { state: "proven", ...claim, got, expected: null, advice: null };
}

export function doubtful(claim: Claim, got: string, expected: string | null, advice: string | null): Proof {
  return { state: "doubtful", ...claim, got, expected, advice };
}

export function failed(claim: Claim, got: string, expected: string, advice: string | null): Proof {
  return { state: "failed", ...claim, got, expected, advice };
}

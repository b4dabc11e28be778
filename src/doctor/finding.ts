// What the doctor says: one fault, trap or fact of this host, and what to do about it.

/**
 * How grave a finding is. error: the service is wrong, or will be; warning: a trap that has not sprung yet; note: worth
 * knowing, and no reason for an exit status.
 */
export type Severity = (typeof severities)[number];

/** severities is in order, the gravest first. */
export const severities = ["error", "warning", "note"] as const;

export interface Finding {
  /** Kebab-case and stable: `address-missing`. */
  readonly id: string;
  readonly severity: Severity;
  /** What it is about: a prefix, a device, `FILE:LINE`, a daemon. */
  readonly subject: string;
  /** What was expected, and what was found. */
  readonly message: string;
  /** What to type or write. */
  readonly fix: string;
}

/** inOrder sorts findings, the gravest first, and names none twice. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  const distinct = new Map(findings.map((finding) => [JSON.stringify(finding), finding]));
  const rank = ({ severity, id, subject }: Finding) => `${severities.indexOf(severity)} ${id} ${subject}`;
  return [...distinct.values()].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

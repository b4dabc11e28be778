// An expectation: what a good answer is.

/** Expectation says what an answer must be to count as a pass; every key given must hold. */
export interface Expectation {
  /** DNS: the rcode's name; default NOERROR. */
  readonly rcode?: string;
  /** DNS: at least so many records of the asked type in the answer section. */
  readonly minAnswers?: number;
  /** DNS: exactly these rdata of the asked type, in any order, as text (`198.51.100.80`). */
  readonly answers?: readonly string[];
  /** DNS: one TXT record whose text is this. */
  readonly txt?: string;
  /** DNS: header flags that must be set: aa, ra, ad, tc. */
  readonly flags?: readonly ("aa" | "ra" | "ad" | "tc")[];
  /** DNS: the NSID that the answer must carry (RFC 5001), as text. */
  readonly nsid?: string;
  /** UDP: the reply's octets, compared where `mask` has ones; the reply may be longer. */
  readonly reply?: { readonly bytes: Uint8Array; readonly mask: Uint8Array };
  /** The answer must come within this. */
  readonly maxRttMs?: number;
}

// A template: the octets of a query, made once, off the hot path. The engine writes only the id into a copy.

/** Template is a query on the wire. */
export interface Template {
  readonly bytes: Uint8Array;
  /** Offset of the two octets of id; -1: the query carries none. */
  readonly idAt: number;
  /** Octets after the 12-octet DNS header that an answer must repeat (the question); 0 for plain UDP. */
  readonly questionLength: number;
}

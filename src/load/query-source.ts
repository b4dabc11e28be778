// A query source: where the queries of a load test come from, in order, as many as are wanted, without ever holding all of them.
import type { Query } from "../probe/query.js";

/** QuerySource hands out queries in batches. It is used by one reader; `next` is not called again before it has resolved. */
export interface QuerySource {
  /** What is asked, in a few words: `queries.txt (1,000 queries)`. */
  readonly summary: string;
  /**
   * Of a source that repeats a few queries for ever (65,536 at most), all of them: they can be sent in turn without being
   * asked for again. undefined: read on with `next`.
   */
  readonly repeats: readonly Query[] | undefined;
  /** next gives the following queries, one at least and at most so many; an empty list at the end. */
  next(most: number): Promise<readonly Asked[]>;
  close(): Promise<void>;
}

/** Asked is one query of a source; a replay says when it was asked, ns after the first. */
export interface Asked {
  readonly query: Query;
  readonly atNs?: number;
}

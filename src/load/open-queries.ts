// Opening queries: from a described choice the source that has them.
import type { QueryForm } from "../probe/query-writer.js";
import type { FileOptions } from "./file-source.js";
import { cacheHit, cacheMiss, udpPayload } from "./mix.js";
import { openPcap } from "./pcap.js";
import { openQueryFile } from "./query-file.js";
import type { QuerySource } from "./query-source.js";
import { openWireFile } from "./wire-file.js";

/** QueryChoice says what to ask. Where there is a `form`, all queries have it in common: class, RD, EDNS and its options. */
export type QueryChoice =
  /** dnsperf's query file, `-` for standard input. */
  | { readonly kind: "file"; readonly path: string; readonly form?: QueryForm; readonly once?: boolean }
  /** Whole DNS messages with their lengths (dnsperf -B), `-` for standard input. */
  | { readonly kind: "wire"; readonly path: string; readonly once?: boolean }
  /** A capture, `-` for standard input; `port` is where its queries went, default 53; `speed` 2 is twice as fast. */
  | { readonly kind: "pcap"; readonly path: string; readonly port?: number; readonly speed?: number }
  /** The same names again and again: `name`, or with `names` so many below it. */
  | {
      readonly kind: "hit";
      readonly name: string;
      readonly type: string;
      readonly names?: number;
      readonly form?: QueryForm;
    }
  /** A random name below `name` each time. */
  | { readonly kind: "miss"; readonly name: string; readonly type: string; readonly form?: QueryForm }
  /** A plain UDP payload; `idAt` is where two octets of id are written. */
  | { readonly kind: "udp"; readonly payload: Uint8Array; readonly idAt?: number };

/**
 * openQueries opens the source of a choice. A LoadError where a file cannot be read or has no query, a TypeError or RangeError
 * for a choice that cannot be asked.
 */
export async function openQueries(choice: QueryChoice, options: Omit<FileOptions, "once"> = {}): Promise<QuerySource> {
  switch (choice.kind) {
    case "file":
      return await openQueryFile(choice.path, choice.form, { ...options, once: choice.once ?? false });
    case "wire":
      return await openWireFile(choice.path, { ...options, once: choice.once ?? false });
    case "pcap":
      return await openPcap(choice.path, { ...options, ...choice });
    case "hit":
      return cacheHit({ ...choice.form, name: choice.name, type: choice.type }, choice.names);
    case "miss":
      return cacheMiss({ ...choice.form, name: choice.name, type: choice.type });
    case "udp":
      return udpPayload(choice.payload, choice.idAt);
  }
}

// Which question to check a server by: the first of some candidates that it answers, asked now and here.
import { answered } from "../engine/batch.js";
import { Engine } from "../engine/engine.js";
import type { DnsQuery } from "../probe/query.js";
import { familyOf, type Target } from "../probe/target.js";

/** Where a DNS message says how many answers it has (RFC 1035, 4.1.1). */
const countAt = 6;
const noError = 0;

/**
 * firstAnswered asks all candidates once, at the same time, from `source`, and gives the first of them that was answered NOERROR with
 * at least one record; undefined where none was within `timeoutMs`. Rejects with EngineError where the kernel refuses.
 */
export function firstAnswered(
  target: Target,
  candidates: readonly DnsQuery[],
  source: string,
  timeoutMs: number,
): Promise<DnsQuery | undefined> {
  return new Promise((resolve, reject) => {
    const good = new Set<number>();
    let rows = 0;
    const engine = new Engine({ answerOctets: 512 }, (batch) => {
      for (let row = 0; row < batch.length; row++) {
        const at = batch.answerAt[row]!;
        const answers = (batch.bytes[at + countAt]! << 8) | batch.bytes[at + countAt + 1]!;
        if (batch.outcome[row] === answered && batch.rcode[row] === noError && answers > 0) good.add(batch.probe[row]!);
      }
      rows += batch.length;
      if (rows < candidates.length) return;
      resolve(candidates.find((_, index) => good.has(index)));
      setImmediate(() => engine.close());
    });
    try {
      engine.submit({
        probes: candidates.map((query) => ({ target, query, atNs: 0 })),
        schedule: { replay: true },
        timeoutMs,
        source: familyOf(target.address) === 4 ? { ipv4: source } : { ipv6: source },
        localOnly: true,
      });
    } catch (error) {
      engine.close();
      reject(error);
    }
  });
}

// `anyprobe watch --once`: a line for each target as fping writes it, and whether enough of them answered.
import type { TargetSummary, Watch } from "../index.js";
import type { Quorum } from "./watch.js";
import { onceRecord, targetRecord, write } from "./watch-record.js";

/** showOnce waits for the end of a watch with a count, prints it, and gives the exit code: 0 where the quorum is met, else 1. */
export async function showOnce(watched: Watch, quorum: Quorum, json: boolean): Promise<0 | 1> {
  for await (const _ of watched);
  let well = 0;
  for await (const slice of watched.slices()) {
    well += slice.filter((summary) => answersWell(summary)).length;
    const lines = slice.map((summary) => {
      return json ? targetRecord(summary) : onceLine(summary, watched);
    });
    await write(lines);
  }
  const needed = neededOf(quorum, watched.targets.length);
  const met = well >= needed;
  await write([
    json
      ? onceRecord(watched.totals(), { well, needed, met })
      : `${well} of ${watched.targets.length} targets answer well, ${needed} needed`,
  ]);
  return met ? 0 : 1;
}

/** neededOf gives how many of the targets a quorum wants; of a share the next whole number. */
export function neededOf(quorum: Quorum, targets: number): number {
  return "count" in quorum ? quorum.count : Math.max(0, Math.ceil(quorum.share * targets - 1e-9));
}

/** A target answers well if one of its probes at least was answered as expected. */
function answersWell({ passed }: TargetSummary): boolean {
  return passed > 0;
}

/** `ADDR : xmt/rcv/%loss = 3/3/0%, min/avg/max = 0.10/0.12/0.15`, in ms, as fping does; then who answers. */
function onceLine(summary: TargetSummary, watched: Watch): string {
  const { target, index, ended, voided, passed, wrong, rcodes, site, siteSource } = summary;
  const [sent, received] = [ended - voided, passed + wrong];
  const loss = sent === 0 ? 100 : Math.round((100 * (sent - received)) / sent);
  const { minNs, meanNs, maxNs } = watched.histogram(index);
  const times = [minNs, meanNs, maxNs].map((ns) => (ns / 1e6).toPrecision(3)).join("/");
  const rtt = received > 0 ? `, min/avg/max = ${times}` : "";
  const who = site === undefined ? "" : `, site = ${site}${siteSource === "nsid" ? "" : ` (${siteSource})`}`;
  const judged = wrong > 0 ? `, wrong = ${wrong} (${Object.keys(rcodes).join(" ")})` : "";
  return `${target} : xmt/rcv/%loss = ${sent}/${received}/${loss}%${rtt}${judged}${who}`;
}

// All targets together.
import { noSite, type Sites } from "./sites.js";
import type { Tally } from "./tally.js";
import type { WatchTotals } from "./watch-report.js";

/** totalsOf adds up what is counted of each target. */
export function totalsOf(tally: Tally, sites: Sites, chaosEnded: number): WatchTotals {
  const states = { up: 0, down: 0, unknown: 0 };
  const answering = new Map<number, number>();
  for (let index = 0; index < tally.targets; index++) {
    states[tally.state(index)]++;
    const site = tally.site(index);
    if (site !== noSite) answering.set(site, (answering.get(site) ?? 0) + 1);
  }
  const [passed, wrong] = [tally.total("pass"), tally.total("wrong")];
  const [timeouts, unreachable] = [tally.total("timeout"), tally.total("unreachable")];
  const [voided, told] = [tally.total("void"), passed + wrong + timeouts + unreachable];
  const bySize = [...answering].sort(([, a], [, b]) => b - a);
  return {
    targets: tally.targets,
    ...states,
    ended: told + voided,
    ...{ passed, wrong, timeouts, unreachable, voided },
    loss: told === 0 ? null : (timeouts + unreachable) / told,
    chaosEnded,
    sites: Object.fromEntries(bySize.map(([site, targets]) => [sites.name(site)!, targets])),
  };
}

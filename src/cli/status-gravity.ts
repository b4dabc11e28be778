// How bad a status is, as an exit code that a script or a monitor can act on.
import type { PrefixReport, Status } from "../run/status.js";

/** Gravity is the exit code of `anyprobe status`: of exitCodes 0, 1 or 2. */
export type Gravity = 0 | 1 | 2;

/** gravityOf gives 0 where all is as wanted and announced; else that of the worst prefix, at least 1 under a freeze. */
export function gravityOf({ frozen, services }: Pick<Status, "frozen" | "services">): Gravity {
  const prefixes = services.flatMap((service) => service.prefixes);
  return Math.max(frozen ? 1 : 0, ...prefixes.map(gravityOfPrefix)) as Gravity;
}

function gravityOfPrefix({ observed, wanted, verified, order, guard, manual }: PrefixReport): Gravity {
  if (observed === "dead" || guard?.held) return 2;
  // Away because somebody wants it so is no alarm in the night.
  if (manual || order?.kind === "manual" || order?.kind === "hold") return 1;
  if (observed === "withdrawn") return 2;
  const asWanted = wanted === observed || wanted === "hold";
  // A guard that cannot see holds whatever should go.
  const blind = guard !== null && guard.others === null;
  return observed === "announced" && asWanted && verified && !order && !blind ? 0 : 1;
}

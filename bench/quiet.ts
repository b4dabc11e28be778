// A trial on a busy machine measures the machine's other work. So each waits, for a while, until there is none.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const lookMs = 250;
const mostLooks = 40;
/** What an idle machine's own housekeeping takes, and this process's. */
const mostBusy = 0.08;

/** quiet resolves when all cores have been idle for a moment, or after ten seconds. */
export async function quiet(): Promise<void> {
  for (let look = 0; look < mostLooks; look++) {
    const before = times();
    await sleep(lookMs);
    const after = times();
    if ((after.busy - before.busy) / (after.all - before.all) <= mostBusy) return;
  }
}

/** times sums up what all cores have done, proc_stat(5), in ticks. */
function times() {
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = readFileSync(
    "/proc/stat",
    "utf8",
  )
    .split("\n")[0]!
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const busy = user + nice + system + irq + softirq + steal;
  return { busy, all: busy + idle + iowait };
}

// Settings of the kernel and the clock that an anycast host trips over.
import { familyOfPrefix } from "../route/prefix.js";
import type { Finding } from "./finding.js";
import type { Context, Examination } from "./host.js";
import { unicastRoutes } from "./ip-route.js";

export const examineKernel: Examination = {
  name: "kernel settings",
  examine: strictFilters,
};

/**
 * With several uplinks the way back differs from the way in. A strict reverse path filter drops what came in elsewhere than its answer
 * would leave: without a trace, and only while the routes are so.
 */
async function strictFilters(context: Context): Promise<Finding[]> {
  if (!context.prefixes.some((prefix) => familyOfPrefix(prefix) === 4)) return [];
  const routes = await unicastRoutes(context, 4);
  const ways = routes.flatMap((route) => route.nexthops ?? [route]);
  const uplinks = [...new Set(ways.flatMap(({ gateway, dev }) => (gateway === undefined ? [] : [dev ?? ""])))];
  if (uplinks.length < 2) return [];
  const filter = (name: string) => Number(context.sysctl(`net/ipv4/conf/${name}/rp_filter`) ?? 0);
  // The kernel takes the greater of both; 2 is loose.
  return uplinks
    .filter((name) => Math.max(filter("all"), filter(name)) === 1)
    .map((name) => ({
      id: "rp-filter-strict",
      severity: "warning",
      subject: name,
      message: `expected rp_filter 0 or 2 on ${name}, found 1 (strict), and ${uplinks.length} uplinks: a query whose answer leaves by another is dropped`,
      fix: `sysctl -w net.ipv4.conf.${name}.rp_filter=2, and in /etc/sysctl.d`,
    }));
}

export const examineClock: Examination = {
  name: "clock",
  examine: async ({ run }) => {
    const { status, stdout } = await run(["timedatectl", "show", "--property=NTPSynchronized", "--value"]);
    const word = stdout.trim();
    const told = status === 0 && (word === "yes" || word === "no");
    const synchronised = told ? word === "yes" : await chronyIs(run);
    if (synchronised !== false) return [];
    return [
      {
        id: "clock-unsynchronised",
        severity: "warning",
        subject: "clock",
        message: `expected a synchronised clock, found that ${told ? "timedatectl" : "chronyd"} says it is not: validating servers fail with a wrong one, and the logs of endpoints cannot be compared`,
        fix: "timedatectl set-ntp true, or install chrony and give it servers",
      },
    ];
  },
};

/** Undefined where it does not run. The last field of `chronyc -c tracking` is the leap status. */
async function chronyIs(run: Context["run"]): Promise<boolean | undefined> {
  const { status, stdout } = await run(["chronyc", "-c", "tracking"]);
  return status === 0 ? stdout.trim().split(",").at(-1) !== "Not synchronised" : undefined;
}

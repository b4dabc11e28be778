// Where daemons are stressed: three endpoints that judge by time, and harshly, with one prefix that nothing must happen to, and
// one that is under an order whose end is watched.
import { setTimeout as sleep } from "node:timers/promises";
import { call } from "../../src/run/control.js";
import { monotonicNs, nsPerMs } from "../../src/units.js";
import { type DaemonProcess, type DaemonProcessOptions, prefixIn, stands } from "../support/daemon.js";
import { anycastAddress } from "../support/host.js";
import { round } from "./figures.js";
import { anycast, type DaemonOptions, type Lab, type LabEndpoint } from "./lab.js";
import { healthAddress } from "./servers.js";

export type Figures = Readonly<Record<string, number>>;

/** The orders are given for this one. */
export const ordered = "203.0.113.54/32";
export const announced = stands("announced", anycast);
/** An order ends at a tick, which comes each second; a busy host takes some time of its own. */
export const lateMs = 2000;
export const leaseS = 2;

const policy: DaemonOptions = {
  others: 1,
  service: {
    objective: { latency: { p99: "250ms" }, loss: "5%", window: "5s", on_breach: "withdraw" },
    damping: { hold_down: "2s", max: "2s" },
  },
};
const pace = { interval: "100ms", fast_interval: "50ms", timeout: "300ms", stable_for: "500ms" };

/** Stage has e1 under the address driver, e2 under frr, and e3 under the address driver with a lease. */
export class Stage {
  readonly e1: LabEndpoint;
  readonly e2: LabEndpoint;
  readonly e3: LabEndpoint;
  readonly #daemons = new Map<LabEndpoint, DaemonProcess>();

  private constructor(readonly lab: Lab) {
    [this.e1, this.e2, this.e3] = lab.endpoints as [LabEndpoint, LabEndpoint, LabEndpoint];
  }

  static async open(lab: Lab): Promise<Stage> {
    const stage = new Stage(lab);
    await Promise.all(lab.endpoints.map((endpoint) => stage.run(endpoint)));
    return stage;
  }

  daemonOf(endpoint: LabEndpoint): DaemonProcess {
    return this.#daemons.get(endpoint)!;
  }

  /** run starts the endpoint's daemon, anew where one runs; resolves once its service is up and announced. */
  async run(
    endpoint: LabEndpoint,
    process: Partial<DaemonProcessOptions> = {},
    top: DaemonOptions["top"] = {},
  ): Promise<DaemonProcess> {
    const running = this.#daemons.get(endpoint);
    if (running?.child.exitCode === null && running.child.signalCode === null) await running.stop();
    const expect = { answers: [healthAddress], nsid: endpoint.node.name, max_rtt: "250ms" };
    const own: DaemonOptions =
      endpoint === this.e2 ? { driver: "frr" } : endpoint === this.e3 ? { address: { lease: `${leaseS}s` } } : {};
    const daemon = endpoint.run({ ...policy, ...own, check: { ...pace, expect }, top }, process);
    this.#daemons.set(endpoint, daemon);
    await daemon.until((status) => announced(status) && prefixIn(status, anycast).checks[0]!.state === "up", 20_000);
    return daemon;
  }

  /**
   * endure gives e1 and e2 orders for so long, inflicts what it is told to, and tells how long the orders lasted beside that, and how
   * often R1 was without the route by one of those that are to keep theirs.
   */
  async endure(forMs: number, keepers: readonly LabEndpoint[], inflict: () => Promise<Figures>): Promise<Figures> {
    const sinceNs = monotonicNs();
    const orders = [this.e1, this.e2].map((endpoint) => followOrder(endpoint, forMs));
    await Promise.all(orders.map(({ given }) => given));
    const figures = await inflict();
    const lasted = await Promise.all(orders.map(({ lastedMs }) => lastedMs));
    const gateways = keepers.map(({ gateway }) => gateway);
    const withdrawals = this.lab.monitor.events.filter(
      ({ atNs, destination, nextHops }) =>
        atNs > sinceNs && destination === anycastAddress && !gateways.every((gateway) => nextHops.includes(gateway)),
    );
    return {
      withdrawals: withdrawals.length,
      orders_early_ms: round(Math.max(0, ...lasted.map((ms) => forMs - ms))),
      orders_late_ms: round(Math.max(0, ...lasted.map((ms) => ms - forMs))),
      ...figures,
    };
  }
}

/** followOrder asks all the while whether the order is still there, of whichever daemon is running. */
function followOrder(endpoint: LabEndpoint, forMs: number) {
  const askedNs = monotonicNs();
  const given = call(endpoint.control, "withdraw", { what: ordered, for_ms: forMs });
  const lasts = async () => {
    await given;
    // A daemon that is being restarted, or stands still, says nothing: it is asked again.
    for (;;) {
      const status = await endpoint.status().catch(() => undefined);
      if (status && prefixIn(status, ordered).order === null) return (monotonicNs() - askedNs) / nsPerMs;
      await sleep(50);
    }
  };
  return { given, lastedMs: lasts() };
}

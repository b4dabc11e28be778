// Takes an address away when the service behind it has died, and puts it back when it is well: a check decides, a reconciler
// moves. It moves nothing unless --really is said. Ctrl-C ends it. Usage: node health.js ADDRESS PORT [--really]
import { AddressDriver, Check, NetlinkWatch, NoneDriver, prefixOf, probe, Reconciler, type Verdict } from "anyprobe";

const [address = "127.0.0.1", port = "53", really] = process.argv.slice(2);
const prefix = prefixOf(address);

const check = new Check({ rise: 3, fall: 3, stableForNs: 1e9, confirmForNs: 0, unknownAfterNs: 10e9 });

using events = new NetlinkWatch();
const driver =
  really === "--really"
    ? new AddressDriver({ device: "lo", label: undefined, recovery: "anchor", leaseMs: 0, prefixes: [prefix] }, events)
    : new NoneDriver();
await using reconciler = new Reconciler(new Map([[prefix, [driver]]]), {
  minGapMs: 1100,
  respectManual: () => true,
  onEvent: (event) => {
    if (event.kind === "settled")
      console.log(`${event.prefix} is ${event.announcement} (${event.reason ?? driver.name})`);
  },
});
await reconciler.open([]);

const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort());

while (!interrupted.signal.aborted) {
  const sentNs = Number(process.hrtime.bigint());
  const { outcome, fault, rttNs } = await probe(
    { address, port: Number(port) },
    { name: "health.example.com", type: "A" },
  );
  // What is the prober's own trouble says nothing of the service: only these three do.
  const tells = ["answered", "timeout", "unreachable"].includes(outcome);
  const verdict: Verdict = fault === undefined ? { kind: "pass" } : { kind: tells ? "fail" : "unknown", reason: fault };

  const transition = check.judge(verdict, sentNs, rttNs, Number(process.hrtime.bigint()));
  if (transition) console.log(`${transition.from} -> ${transition.to}: ${transition.reason}`);
  if (check.settled) {
    reconciler.want(prefix, check.settled === "up" ? "announced" : "withdrawn");
    reconciler.step();
  }
  await new Promise((resolve) => setTimeout(resolve, check.asking === "fast" ? 50 : 200));
}

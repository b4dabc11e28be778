// Scenarios of the tests of trains and ports that need a network namespace or a process of their own.
import { execFileSync } from "node:child_process";
import { startAnswerer } from "../../support/answerer.js";
import { question, Recorder } from "../../support/engine.js";
import { scenarios } from "../../support/namespace.js";
import { ChildAnswerer } from "./child-answerer.js";

await scenarios({
  "narrow path": async () => {
    // The least that IPv4 allows; a query with its headers is longer.
    execFileSync("ip", ["link", "set", "lo", "mtu", "68"]);
    const answerer = await startAnswerer();
    const recorder = new Recorder();
    recorder.submit({
      probes: [{ target: answerer, query: question }],
      schedule: { rateQps: 1000, count: 200 },
      timeoutMs: 1000,
      trainUs: 10_000,
    });
    await recorder.until(200);
    const { counters, tally } = recorder.stop();
    await answerer.close();
    return { counters, tally };
  },
  loss: async () => {
    const answerer = await startAnswerer();
    // Where a query arrives, out of the sender's sight.
    execFileSync("nft", ["add table inet loss { chain in { type filter hook input priority 0; }; }"]);
    execFileSync("nft", [`add rule inet loss in udp dport ${answerer.port} numgen random mod 100 < 5 drop`]);
    const recorder = new Recorder();
    recorder.submit({
      probes: [{ target: answerer, query: question }],
      schedule: { rateQps: 5000, count: 4000 },
      timeoutMs: 1000,
      trainUs: 4000,
    });
    await recorder.until(4000);
    const { counters, tally } = recorder.stop();
    await answerer.close();
    return { counters, tally, received: answerer.received };
  },
  "answers in one burst": async (argument) => {
    const count = Number(argument);
    const answerer = await ChildAnswerer.burst(count);
    const recorder = new Recorder({ answerOctets: 0, ringRows: 65_536 });
    recorder.submit({
      probes: [{ target: answerer, query: question }],
      schedule: { rateQps: 20_000, count },
      timeoutMs: 4000,
      train: 1,
      ports: 1,
    });
    await recorder.until(count);
    const { counters, tally } = recorder.stop();
    const [burst] = await answerer.stop();
    return { counters, tally, burst };
  },
});

// The rival that every Node.js program has: node:dgram in a closed loop. It counts answers and nothing else. Run by contestant.ts:
// dgram.ts ADDRESS PORT SECONDS INFLIGHT QUERY
import { createSocket } from "node:dgram";
import { monotonicNs, nsPerSecond } from "../src/units.js";

const [address = "", port = "", seconds = "", inflight = "", hex = ""] = process.argv.slice(2);
const query = Buffer.from(hex, "hex");
const socket = createSocket({ type: "udp4", recvBufferSize: 4 << 20 });
let sent = 0;
let answered = 0;

const ask = () => {
  socket.send(query);
  sent++;
};
socket.on("message", () => {
  answered++;
  ask();
});
socket.connect(Number(port), address, () => {
  const startNs = monotonicNs();
  const before = process.cpuUsage();
  for (let i = 0; i < Number(inflight); i++) ask();
  setTimeout(() => {
    const { user, system } = process.cpuUsage(before);
    const trial = {
      answered,
      sent,
      seconds: (monotonicNs() - startNs) / nsPerSecond,
      cpuSeconds: (user + system) / 1e6,
    };
    process.stdout.write(JSON.stringify(trial), () => process.exit());
  }, Number(seconds) * 1000);
});

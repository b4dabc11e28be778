// A name server in an endpoint's place that can be slowed: it answers everything rightly, and late where it is told to be.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { ended } from "../../src/demo/frr.js";
import { anycastAddress } from "../support/host.js";
import type { LabEndpoint } from "./lab.js";

const answererModule = JSON.stringify(new URL("../../dist/demo/answerer.js", import.meta.url));
/** Each message after the first is the delay of every answer from then on, ms. */
const program = `
  import { createSocket } from "node:dgram";
  import { answer } from ${answererModule};
  const socket = createSocket("udp4");
  let delayMs = 0;
  process.once("message", ({ address, nsid }) => {
    socket.on("message", (query, { port, address: peer }) => {
      const reply = answer(query, { mode: "normal", nsid });
      const send = () => socket.send(reply, port, peer, () => {});
      if (delayMs > 0) setTimeout(send, delayMs);
      else send();
    });
    process.on("message", (ms) => {
      delayMs = ms;
      process.send("done");
    });
    socket.bind(53, address, () => process.send("done"));
  });
  process.on("disconnect", () => process.exit());`;

/** SlowServer runs until it is stopped. */
export class SlowServer {
  private constructor(readonly child: ChildProcess) {}

  /** replace stops the endpoint's own server and answers in its place, with its name. */
  static async replace({ node, server }: LabEndpoint): Promise<SlowServer> {
    await server!.stop();
    const argv = ["--input-type=module", "-e", program];
    const child = node.namespace.spawn(process.execPath, argv, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    const slow = new SlowServer(child);
    await slow.#tell({ address: anycastAddress, nsid: node.name });
    return slow;
  }

  /** slow delays all answers from now on; 0: none. */
  async slow(delayMs: number): Promise<void> {
    await this.#tell(delayMs);
  }

  async stop(): Promise<void> {
    this.child.kill("SIGKILL");
    await ended(this.child);
  }

  async #tell(message: object | number): Promise<void> {
    this.child.send(message);
    await Promise.race([once(this.child, "message"), once(this.child, "exit")]);
    if (this.child.exitCode !== null) throw new Error(`the slow server ended with ${this.child.exitCode}`);
  }
}

// The address that this host would send from to a target: the kernel tells it of a UDP socket that is connected and sends nothing.
import { createSocket } from "node:dgram";
import { familyOf, type Target } from "../probe/target.js";

/** sourceOf gives the address; undefined where there is no route. */
export async function sourceOf({ address, port }: Target): Promise<string | undefined> {
  const socket = createSocket(familyOf(address) === 4 ? "udp4" : "udp6");
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.connect(port, address, resolve);
    });
    return socket.address().address;
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}

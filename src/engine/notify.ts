// Telling the service manager how we are (sd_notify).
import { loadAddon, refusal } from "./addon.js";

/**
 * notify sends lines as `READY=1` or `WATCHDOG=1` to the service manager. True: it was sent. False: there is none to
 * tell ($NOTIFY_SOCKET is unset). EngineError where the kernel refuses; EAGAIN where the manager does not read.
 */
export function notify(text: string): boolean {
  const path = process.env["NOTIFY_SOCKET"];
  if (!path) return false;
  const errno = loadAddon().notify(path, text);
  if (errno !== 0) throw refusal(errno, "sendto", `notify ${path}`);
  return true;
}

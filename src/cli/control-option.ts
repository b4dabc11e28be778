// Where the verbs that ask the daemon find it.
import { Option } from "commander";

/** defaultControl is where the daemon listens unless its config says otherwise. */
export const defaultControl = "/run/anyprobe/anyprobe.sock";

export function controlOption(): Option {
  return new Option("--control <path>", "the daemon's control socket").default(defaultControl, defaultControl);
}

// The small benches: what the library spends on one row or one plan, without a network.
import { race as compile } from "./compile.js";
import { race as drain } from "./drain.js";
import { experimentOf } from "./race.js";
import { race as record } from "./record.js";
import { race as verdict } from "./verdict.js";

/** micro has each by name, which is also the name of its module. */
export const micro = {
  drain: experimentOf("drain", drain),
  record: experimentOf("record", record),
  verdict: experimentOf("verdict", verdict),
  compile: experimentOf("compile", compile),
};

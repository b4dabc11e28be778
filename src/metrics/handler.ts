// /metrics on the HTTP listener.
import type { Handler } from "../serve/http.js";
import { contentType } from "./exposition.js";

/** metricsHandler answers each scrape with what `expose` makes then. */
export function metricsHandler(expose: () => AsyncIterable<string>): Handler {
  return { path: "/metrics", handle: () => ({ headers: { "content-type": contentType }, body: expose() }) };
}

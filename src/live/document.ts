// The status page itself: an empty document with its script and style, which are all that it may run. What it shows, the live
// stream brings.
import type { Handler } from "../serve/http.js";
import { readBundle } from "./bundle.js";

/** pageHandler answers with the status page. */
export const pageHandler: Handler = {
  path: "/",
  async handle() {
    const { script, style, policy } = await readBundle("status.js", "status.css");
    const body = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>anyprobe</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<noscript>This page shows what changes as it changes, and needs its script for that. There is /metrics, and \`anyprobe status\`.</noscript>
<main id="page"></main>
<script>${script}</script>
</body>
</html>
`;
    const allowed = [...policy, "connect-src 'self'", "frame-ancestors 'none'"].join("; ");
    return { headers: { "content-type": "text/html; charset=utf-8", "content-security-policy": allowed }, body };
  },
};

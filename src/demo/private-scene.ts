// The scene of `anyprobe demo`: one endpoint in a network namespace of its own, which needs no root. The kernel's own
// list of addresses shows what the daemon does.
import { healthAddress, healthName } from "./answerer.js";
import { Stage } from "./stage.js";
import type { OpenScene, Scene, Setting } from "./story.js";
import { addressBack, addressGone } from "./witness.js";

/** What probes come from: an unnumbered router's id, as no other device is here. */
const routerId = "198.18.0.1";

/** openPrivateScene makes the namespace and what is in it. Throws EngineError EPERM where the kernel gives none. */
export async function openPrivateScene({ address, label, port, stableFor }: Setting): Promise<OpenScene> {
  const stage = await Stage.openPrivate({ address, port, furnish: { label, routerId } });
  const argv = [
    ...["run", "--anycast", address, "--query", `${healthName}/A`, "--expect-answer", healthAddress],
    ...["--driver", "address", "--label", label, "--stable-for", stableFor],
    // No router here knows of other endpoints, and the story is of one death, told quickly.
    ...["--guard", "none", "--damping", "none", "--announce-gap", "0s"],
    ...["--control", "{dir}/control", "--state", "{dir}/state.json"],
  ];
  const scene: Scene = {
    stage,
    answerer: { address, port },
    command: { argv },
    ready: `lo is up, ${address}/32 is on ${label}, in a private ${stage.entrance.name}`,
    gone: [addressGone(stage, address, label)],
    away: async () => {
      const { label: there, delivered } = await stage.call("look");
      const anchored = delivered ? "the anchor still delivers what comes for it" : "and nothing delivers it here";
      return { ok: there === undefined && delivered, detail: `${address} stays away; ${anchored}` };
    },
    back: [addressBack(stage, address, label)],
  };
  return { scene, namespace: stage.entrance.name, close: () => stage.close() };
}

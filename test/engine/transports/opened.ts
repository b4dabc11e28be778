// Answerers that a test opens; they are closed after it.
import { afterEach } from "vitest";
import { type Answerer, startAnswerer } from "../../support/answerer.js";
import { ChildAnswerer } from "./child-answerer.js";

const answerers: Answerer[] = [];
const children: ChildAnswerer[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) child.kill();
  await Promise.all(answerers.splice(0).map((answerer) => answerer.close()));
});

/** start opens an answerer in this process; see startAnswerer. */
export async function start(...args: Parameters<typeof startAnswerer>): Promise<Answerer> {
  const answerer = await startAnswerer(...args);
  answerers.push(answerer);
  return answerer;
}

/** startChild opens one in a process of its own, with so many sockets at its port. */
export async function startChild(sockets = 1): Promise<ChildAnswerer> {
  const child = await ChildAnswerer.spread(sockets);
  children.push(child);
  return child;
}

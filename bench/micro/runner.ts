// One runner of one race, in a process of its own: `runner.ts RACE RUNNER SECONDS` prints its figures as JSON.
import type { Race } from "./race.js";

const [name, runner, seconds] = process.argv.slice(2);
const { race } = (await import(`./${name}.js`)) as { race: Race };
process.stdout.write(JSON.stringify(await race.runners[runner!]!(Number(seconds))));

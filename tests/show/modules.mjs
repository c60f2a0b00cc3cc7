// Calls functions of the explorer's modules: a line of JSON for each call in, and one out.

import { registerHooks } from "node:module";
import { createInterface } from "node:readline";

const [folder, ...names] = process.argv.slice(2);
const PREFIX = "latentsweep/"; // of the names that the page's import map has for the modules
registerHooks({
  resolve: (name, context, next) =>
    name.startsWith(PREFIX)
      ? { url: folder + name.slice(PREFIX.length), format: "module", shortCircuit: true }
      : next(name, context),
});
for (const name of names) globalThis[name] = await import(`${PREFIX}${name}.js`);

const revived = (key, value) => (value?.float32 ? Float32Array.from(value.float32) : value);
const plain = (key, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);

const answer = (line) => {
  const { source, cases } = JSON.parse(line, revived);
  const tested = (0, eval)(source);
  return { found: cases.map((given) => tested(...given)) };
};

for await (const line of createInterface({ input: process.stdin })) {
  let told;
  try {
    told = answer(line);
  } catch (error) {
    told = { error: error.stack };
  }
  process.stdout.write(`${JSON.stringify(told, plain)}\n`);
}

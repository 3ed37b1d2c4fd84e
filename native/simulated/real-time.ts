import type { SimulatedHost } from "./host.js";

const stepMs = 5;
/** After a longer halt of this process the guests skip the rest, as if the host had been suspended. */
const longestStepNs = 100e6;

/** Lets the guests run at the speed of the wall clock until it is disposed. Does not keep the process alive. */
export function runInRealTime(host: SimulatedHost): Disposable {
  let before = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    host.advance(Math.min(Math.round((now - before) * 1e6), longestStepNs));
    before = now;
  }, stepMs);
  timer.unref();
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
    },
  };
}

/** What a policy must not ask, with what it should use instead. */
const outside: readonly (readonly [holder: object, name: string, instead: string])[] = [
  [Math, "random", "the host decides, not chance"],
  [performance, "now", "time is host.timeNs"],
  [process, "hrtime", "time is host.timeNs"],
  [globalThis, "Date", "time is host.timeNs"],
  [globalThis, "crypto", "the host decides, not chance"],
  [globalThis, "fetch", "a policy knows what it is given"],
  [globalThis, "setTimeout", "a policy is asked at every tick"],
  [globalThis, "setInterval", "a policy is asked at every tick"],
  [globalThis, "setImmediate", "a policy is asked at every tick"],
  [globalThis, "queueMicrotask", "a policy is synchronous"],
];

/** Runs `body` while clocks, chance, timers and the network throw; they are put back whatever happens. */
export function withoutOutside<T>(body: () => T): T {
  const kept = outside.map(([holder, name]) => Object.getOwnPropertyDescriptor(holder, name));
  try {
    for (const [holder, name, instead] of outside)
      Object.defineProperty(holder, name, { configurable: true, value: forbidden(name, instead) });
    return body();
  } finally {
    for (const [index, [holder, name]] of outside.entries()) {
      const descriptor = kept[index];
      if (descriptor === undefined) Reflect.deleteProperty(holder, name);
      else Object.defineProperty(holder, name, descriptor);
    }
  }
}

function forbidden(name: string, instead: string): unknown {
  const refuse = (): never => {
    throw new Error(`it used ${name}; ${instead}`);
  };
  // An arrow function could not stand for a constructor.
  return new Proxy(function () {}, { apply: refuse, construct: refuse, get: refuse });
}

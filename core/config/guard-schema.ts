/** What the guard keeps policies and guests to. */
export const guardSchema = {
  type: "object",
  additionalProperties: false,
  default: {},
  description: "What policies and guests are kept to, whatever they wish and say",
  properties: {
    maxHoldMs: {
      type: "integer",
      minimum: 1000,
      maximum: 86_400_000,
      default: 600_000,
      description: "Longest time that a process is held without a run slot",
    },
    runSlotMs: {
      type: "integer",
      minimum: 10,
      maximum: 60_000,
      default: 100,
      description: "Length of a run slot; it takes whole ticks",
    },
    influencePercent: {
      type: "number",
      minimum: 1,
      maximum: 100,
      default: 100,
      description:
        "Share of time in which a domain may want CPUs while processes of others are held; 100: all",
    },
    influenceWindowMs: {
      type: "integer",
      minimum: 1000,
      maximum: 86_400_000,
      default: 600_000,
      description: "Time over which that share is counted",
    },
    checkClaims: {
      type: "boolean",
      default: true,
      description: "Are guests that contradict the hypervisor's accounting left without a say?",
    },
  },
} as const;

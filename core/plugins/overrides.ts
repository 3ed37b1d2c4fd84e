/** What operators have changed by hand since the start, or since `restore`. */
export interface Overrides {
  /** The set of policies in force. */
  readonly set: string;
  /** Put in force by hand, with these options, or those of the configuration. */
  readonly enabled: ReadonlyMap<string, object | undefined>;
  /** Taken out of force by hand. */
  readonly disabled: ReadonlySet<string>;
}

export const defaultSet = "default";
export const noOverrides: Overrides = { set: defaultSet, enabled: new Map(), disabled: new Set() };

export function withEnabled(before: Overrides, name: string, options: object | undefined): Overrides {
  const disabled = new Set(before.disabled);
  disabled.delete(name);
  return { ...before, disabled, enabled: new Map(before.enabled).set(name, options) };
}

export function withDisabled(before: Overrides, name: string): Overrides {
  const enabled = new Map(before.enabled);
  enabled.delete(name);
  return { ...before, enabled, disabled: new Set(before.disabled).add(name) };
}

/** Another set: what was enabled and disabled by hand was meant for the one before. */
export function withSet(set: string): Overrides {
  return { ...noOverrides, set };
}

export function isChangedByHand({ enabled, disabled }: Overrides): boolean {
  return enabled.size > 0 || disabled.size > 0;
}

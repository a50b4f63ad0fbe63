/** Properties of units (systemd.resource-control(5)), and how a limit is worded as one. */

/** Name, D-Bus signature, value. Numbers of 64 bits are decimal text, so that it all is JSON. */
export type Property = readonly [name: string, signature: string, value: unknown];

/** Of scopes since systemd 253, and only while they are made; slices have none. It writes memory.oom.group by it. */
export const OOM_POLICY = 'OOMPolicy';

/** UINT64_MAX, which is systemd's infinity. */
export const INFINITY = String((1n << 64n) - 1n);

/** An amount, where systemd has a name for it and the value is one. */
export const sizeProperty = (name: string | undefined, value: string): Property[] =>
  name !== undefined && /^(?:\d+|max|-1)$/.test(value)
    ? [[name, 't', value === 'max' || value === '-1' ? INFINITY : String(BigInt(value))]]
    : [];

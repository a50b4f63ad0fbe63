export * from './caller.ts';
export * from './cgroup.ts';
export * from './kernel.ts';
export * from './lists.ts';
export * from './mountinfo.ts';
export * from './resctrl.ts';
export * from './status.ts';
export * from './user-namespace.ts';

// Made by scripts/gen-tables.ts from linux-libc-dev 7.3.4-1~bpo13+1. Do not edit.

/** The kernel headers that the tables were made from. */
export const headers = 'linux-libc-dev 7.3.4-1~bpo13+1';

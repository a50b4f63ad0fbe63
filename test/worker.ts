/**
 * Runs in each worker before its tests: the run's list of its processes gets this one, for
 * names that tests make hold it, and test/leftovers.ts looks for these.
 */
import { appendFileSync } from 'node:fs';
import { WORKERS } from './leftovers.ts';

const path = process.env[WORKERS];
if (path) appendFileSync(path, `${process.pid}\n`);

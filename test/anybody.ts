/**
 * Tests of what somebody without rights gets, run as whoever runs them: parts of the paths of
 * their files. What needs root in these says so; all other tests against the kernel need it
 * (what they show of ordinary users they show by becoming one), and are skipped without.
 */
export const anybody: readonly string[] = [
  'aa-confine/test/aa-confine.host',
  'cg-limit/test/acts',
  'cg-limit/test/dbus',
  'ctr-run/test/people',
  'native/test/exec',
  'native/test/failure',
  'ns-enter/test/create',
  'ns-enter/test/show',
  'oci/test/defaults',
];

export const isForAnybody = (file: string): boolean => anybody.some((part) => file.includes(part));

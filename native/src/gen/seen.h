/* Made by scripts/gen-ops.ts from packages/cli/src/observe.ts. Do not edit. */
enum seen_kind {
  SEEN_CONTENT = 1,
  SEEN_UNREADABLE = 2,
  SEEN_STATUS = 3,
  SEEN_STAT = 4,
  SEEN_LSTAT = 5,
  SEEN_ACCESS = 6,
  SEEN_NAMES = 7,
  SEEN_ENTRIES = 8,
  SEEN_LINK = 9,
  SEEN_REALPATH = 10,
  SEEN_FILESYSTEM = 11,
  SEEN_OWN_PROC = 12,
  SEEN_POPULATED = 13,
  SEEN_GROUP_FILES = 14,
  SEEN_STARTED = 15,
};

/* Made by scripts/gen-ops.ts from packages/cli/src/tool-names.ts. Do not edit. */
#define BECOMES_COMMAND {"ns-enter", "cg-limit", "caps-drop", "seccomp-load", "aa-confine", "net-join", "nsenter", "unshare", "lsns", "setpriv", "capsh"}

/* Made by scripts/gen-ops.ts from packages/cli/src/state-root.ts. Do not edit. */
#define STATE_ROOT "/run/ctr-run"
#define STATE_ROOT_VARIABLE "CTR_STATE_ROOT"

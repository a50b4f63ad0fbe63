/* Made by scripts/gen-ops.ts from packages/cg-limit/src/controllers. Do not edit. */
#define ACCOUNTS { \
  {"memory.oom_control", "oom_kill", {"memory.max_usage_in_bytes", "memory.memsw.max_usage_in_bytes"}, {"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"}, true}, \
  {"pids.events", "max", {"pids.peak", NULL}, {"pids.max", NULL}, false} \
}

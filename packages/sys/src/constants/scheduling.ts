/** Scheduling policies of sched_setattr(2), from `linux/sched.h`. SCHED_ISO is reserved and refused by the kernel. */
export const SCHED = {
  SCHED_OTHER: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_ISO: 4,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
} as const;

/** Flags of `struct sched_attr`, from `linux/sched.h`. */
export const SCHED_FLAG = {
  SCHED_FLAG_RESET_ON_FORK: 0x01,
  SCHED_FLAG_RECLAIM: 0x02,
  SCHED_FLAG_DL_OVERRUN: 0x04,
  SCHED_FLAG_KEEP_POLICY: 0x08,
  SCHED_FLAG_KEEP_PARAMS: 0x10,
  SCHED_FLAG_UTIL_CLAMP_MIN: 0x20,
  SCHED_FLAG_UTIL_CLAMP_MAX: 0x40,
} as const;

/**
 * `struct sched_attr` as it is since Linux 5.3 (`linux/sched/types.h`, SCHED_ATTR_SIZE_VER1):
 * with the utilization clamps, which the two UTIL_CLAMP flags need even where they are 0.
 */
export const SCHED_ATTR_SIZE = 56;

/** I/O classes of ioprio_set(2), from `linux/ioprio.h`. */
export const IOPRIO_CLASS = { IOPRIO_CLASS_RT: 1, IOPRIO_CLASS_BE: 2, IOPRIO_CLASS_IDLE: 3 } as const;

/** The class stands above this many bits of data in an I/O priority (`linux/ioprio.h`). */
export const IOPRIO_CLASS_SHIFT = 13;

/** Levels of the real-time and best-effort classes are 0 to 7 (`linux/ioprio.h`, IOPRIO_NR_LEVELS). */
export const IOPRIO_NR_LEVELS = 8;

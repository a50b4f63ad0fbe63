/* Made by scripts/gen-ops.ts from packages/plan/src/ops.ts. Do not edit. */
#ifndef CTR_ENUMERATIONS_H
#define CTR_ENUMERATIONS_H

enum make { MAKE_NOTHING = 0, MAKE_DIRECTORY = 1, MAKE_LIKE_SOURCE = 2, MAKE_FILE = 3 };
enum ending { ENDING_BY_SIGNAL = 0, ENDING_BY_CODE = 1 };
enum leaving { LEAVING_PIVOT = 0, LEAVING_MOVE = 1, LEAVING_CHROOT = 2 };
enum removal { REMOVAL_FILE = 0, REMOVAL_DIRECTORY = 1, REMOVAL_TREE = 2, REMOVAL_RECORD = 3, REMOVAL_EMPTY = 4, REMOVAL_VACANT = 5 };
enum sharing { SHARING_EXCLUSIVE = 0, SHARING_SHARED = 1 };

#endif

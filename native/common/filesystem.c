/*
 * A new filesystem by fsopen(2), fsconfig(2) and fsmount(2): the mount exists before it is
 * attached anywhere, so it is attached to a descriptor, and the kernel says in words what it
 * did not like.
 */
#include "mounting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_VALUE 255 /* fs/fsopen.c: strndup_user(_value, 256) */

int filesystem_open(char *words, const char *type) {
  long fs = sys_fsopen(type);
  if (fs == -ENODEV) words_say(words, "this kernel has no filesystem %s", type);
  return above_stdio((int)fs);
}

void filesystem_log(char *words, int fs) {
  char message[512];
  char all[WORDS] = "";
  size_t used = 0;
  long n;
  /* One message a read, "e overlay: reason": e error, w warning, i information. ENODATA when there are no more. */
  while ((n = AGAIN(read(fs, message, sizeof message - 1))) > 0) {
    message[n] = '\0';
    char *text = n > 2 && message[1] == ' ' ? message + 2 : message;
    text[strcspn(text, "\n")] = '\0';
    int more = snprintf(all + used, sizeof all - used, "%s%s", used ? "; " : "", text);
    if (more < 0 || (size_t)more >= sizeof all - used) break;
    used += (size_t)more;
  }
  if (used) words_say(words, "%s", all);
}

int filesystem_option(char *words, int fs, const char *key, const char *value) {
  if (value && strlen(value) > LONGEST_VALUE) return -E2BIG;
  long rc = value ? sys_fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0)
                  : sys_fsconfig(fs, FSCONFIG_SET_FLAG, key, NULL, 0);
  if (rc < 0) {
    filesystem_log(words, fs);
    if (!words[0]) words_say(words, "option %s%s%s", key, value ? "=" : "", value ? value : "");
  }
  return (int)rc;
}

int filesystem_mount(char *words, int fs, uint64_t attr) {
  long rc = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
  if (rc == 0) rc = sys_fsmount(fs, (unsigned)attr);
  if (rc < 0) filesystem_log(words, fs);
  close_fd(fs);
  return above_stdio((int)rc);
}

/*
 * The next option of mount(2)'s comma separated string, in place. A comma is part of the value
 * after a backslash (overlayfs, "Multiple lower layers") and between quotation marks (an SELinux
 * context); the marks themselves are taken off, as security_sb_eat_lsm_opts does.
 */
static char *next_option(char **rest) {
  char *start = *rest, *to = start;
  if (!start || !*start) return NULL;
  bool quoted = false;
  char *at = start;
  for (; *at && (*at != ',' || quoted); at++) {
    if (*at == '"') {
      quoted = !quoted;
      continue;
    }
    if (*at == '\\' && at[1]) *to++ = *at++;
    *to++ = *at;
  }
  *rest = *at ? at + 1 : NULL;
  *to = '\0';
  return start;
}

/* MS_* that belong to the filesystem and not to the mount (fs/fs_context.c, common_set_sb_flag). */
static const struct {
  unsigned long flag;
  const char *name;
} of_superblock[] = {
    {MS_RDONLY, "ro"},        {MS_SYNCHRONOUS, "sync"}, {MS_DIRSYNC, "dirsync"},
    {MS_LAZYTIME, "lazytime"}, {MS_MANDLOCK, "mand"},    {MS_I_VERSION, "iversion"},
};

static int configure(char *words, int fs, const char *type, const char *source, unsigned long flags,
                     char *data) {
  int rc = 0;
  const char *dot = strchr(type, '.');
  for (unsigned i = 0; rc == 0 && i < sizeof of_superblock / sizeof *of_superblock; i++)
    if (flags & of_superblock[i].flag) rc = filesystem_option(words, fs, of_superblock[i].name, NULL);
  if (rc == 0 && *source) rc = filesystem_option(words, fs, "source", source);
  /* fuse.sshfs: mount(2) sets the subtype itself, fsopen(2) does not. */
  if (rc == 0 && dot) rc = filesystem_option(words, fs, "subtype", dot + 1);
  for (char *option; rc == 0 && (option = next_option(&data));) {
    char *value = strchr(option, '=');
    if (value) *value++ = '\0';
    if (*option) rc = filesystem_option(words, fs, option, value);
  }
  return rc;
}

int filesystem_new(char *words, const char *type, const char *source, unsigned long flags,
                   const char *data, uint64_t *attr_left) {
  uint64_t attr = attr_of_flags(flags);
  int fs = filesystem_open(words, type);
  if (fs < 0) return fs;
  char *options = strdup(data);
  int rc = options ? configure(words, fs, type, source, flags, options) : -ENOMEM;
  free(options);
  if (rc < 0) {
    close_fd(fs);
    return rc;
  }
  if (attr_left) {
    *attr_left = attr;
    attr = 0;
  }
  return filesystem_mount(words, fs, attr);
}
